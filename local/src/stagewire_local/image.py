"""Finds the local image for a name that the platform would pull from ECR, and reads its labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# ECR's registries, China's and the FIPS ones among them: account.dkr.ecr.region.amazonaws.com
ECR = re.compile(r"\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9-]+\.(amazonaws\.com(\.cn)?|on\.aws)/")
OURS = "stagewire/"  # the repository of this project's own images
# DG multi-container-direct; the platform asks it of every image of a multi-container model.
BIND_TO_PORT = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"


def candidates(image: str, *, pushed: Mapping[str, str] | None = None) -> list[str]:
    """List the local names under which an image may be found, the likeliest first.

    `pushed` maps names that `stagewire push` recorded to local names or ids. An ECR URI is also looked
    for without its registry, a bare stage name among our own images; nothing is ever pulled.
    """
    recorded = None if pushed is None else pushed.get(image)
    found = [recorded, image] if recorded else [image]
    local = ECR.sub("", image, count=1)
    if "/" not in local:
        found += [local, f"{OURS}{local}"]
    else:
        found.append(local)
    if "@" in local:
        # Only a registry gives digests; an image that was never pushed has its tag alone.
        found.append(local.partition("@")[0])
    return list(dict.fromkeys(found))


def missing_label(image: str, labels: Mapping[str, str]) -> str | None:
    """Say in the platform's words that an image does not take its port from the environment."""
    if labels.get(BIND_TO_PORT) == "true":
        return None
    return f"Your Ecr Image {image} does not contain required {BIND_TO_PORT}=true Docker label(s)."
