"""The one interface behind which containers run: as processes, in Docker, or somewhere already."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Form(StrEnum):
    """What is at a model's URL; the same as S3DataType and CompressionType together."""

    ARCHIVE = "archive"  # one object, a gzipped tar file
    FILE = "file"  # one object, a file of the model
    PREFIX = "prefix"  # files of the model, by their keys


class StartError(Exception):
    """A container could not be started; the message says why, for a FailureReason."""


class EngineError(Exception):
    """No Docker Engine can be used; the message says what was tried and what to do."""


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """What a container is made from: the part of a ContainerDefinition that hosting needs.

    `model_data` is a local model.tar.gz, `model_url` where it is to come from and `model_form` what
    is there. `instance` groups the containers that share a host, and `siblings` are the hostnames
    of all of them in order, its own included; empty when it is alone. `instance_type` is the
    platform's, for drivers that can limit CPU and memory; a serverless variant has `memory_mb`
    instead. `start_seconds` is how long it may take to pass its ping, None for the usual time.
    """

    hostname: str
    image: str
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    model_data: Path | None = None
    model_url: str | None = None
    model_form: Form = Form.ARCHIVE
    instance: str = "instance-1"
    siblings: tuple[str, ...] = ()
    instance_type: str | None = None
    memory_mb: int | None = None
    start_seconds: float | None = None


@dataclass(frozen=True)
class Address:
    """Where a started container listens; drivers know their containers by it."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address as a URL without a path."""
        return f"http://{self.authority}"

    @cached_property
    def authority(self) -> str:
        """The address as it stands in a URL, and in the Host header of each request."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def near(cls, host: str, port: int) -> Address:
        """Name where this machine reaches what listens on a host, which may be all of them."""
        return cls({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)  # noqa: S104 (only looked up)


class Driver(Protocol):
    """Starts and stops containers; the caller decides about health and order."""

    async def start(self, spec: ContainerSpec) -> Address:
        """Start a container; it need not listen yet. Raises StartError."""
        ...

    async def stop(self, address: Address) -> None:
        """Stop a container with the time the platform gives it; unknown ones are ignored."""
        ...

    async def died(self, address: Address) -> str:
        """Wait until the container ends by itself, and say how."""
        ...

    def alive(self, address: Address) -> bool:
        """Tell whether the container still runs."""
        ...

    def logs(self, address: Address) -> Sequence[str]:
        """Return the last lines that the container wrote, oldest first."""
        ...

    async def close(self) -> None:
        """Stop every container that this driver started."""
        ...
