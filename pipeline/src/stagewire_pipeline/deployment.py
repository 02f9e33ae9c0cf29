"""What is to be deployed, as values: the containers of one endpoint, and what runs them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

# The platform's limit on the names of models, configurations and endpoints.
NAME_LETTERS = 63
# 40 bits: two versions of one endpoint do not meet.
DIGEST_LETTERS = 10
# The smallest of the general purpose types that a new account is allowed.
INSTANCE_TYPE = "ml.m5.large"
# A stage of ours, not the last, answers in the hop's format where the platform asks for nothing.
HOP = {"STAGEWIRE_HOP": "auto"}

Kind = Literal["bucket", "object", "model", "endpoint-config", "endpoint"]


@dataclass(frozen=True)
class Resource:
    """One thing on AWS: an object by its s3:// URI, everything else by its name."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container: a registry's URI of its image, an s3:// URI of its artifact."""

    hostname: str
    image: str
    model_data: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """An endpoint with its containers in the order of the chain; `role` is an ARN."""

    name: str
    role: str
    containers: tuple[Container, ...]
    instance_type: str = INSTANCE_TYPE
    instance_count: int = 1
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def bucket(self) -> str:
        """Where the artifacts are; all are in one."""
        return parts(self.containers[0].model_data)[0]

    @property
    def version(self) -> str:
        """Name this content of the endpoint: the same settings have the same name."""
        text = json.dumps(asdict(self), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LETTERS]
        stem = self.name[: NAME_LETTERS - 1 - DIGEST_LETTERS].rstrip("-")
        return f"{stem}-{digest}"


def parts(uri: str) -> tuple[str, str]:
    """Split an s3:// URI into bucket and key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def hops(count: int) -> tuple[Mapping[str, str], ...]:
    """Return the environments of a chain's containers: all but the last answer to a stage."""
    return (*(HOP for _ in range(count - 1)), {})
