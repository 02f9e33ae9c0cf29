"""Which image of a stage was pushed where, so that a deployment need not be told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stagewire_pipeline.apply import explained
from stagewire_pipeline.errors import DeployError

if TYPE_CHECKING:
    from pathlib import Path

    from stagewire_pipeline.apply import Aws, Target

RECORD = "push.json"
# The names that `make images` gives; the repositories in ECR are called the same.
REPOSITORY = "stagewire/{stage}"


def image(out: Path, stage: str, target: Target, aws: Aws) -> str:
    """Return the URI of a stage's image; on this machine the one that `make images` made.

    Raises:
        DeployError: none was pushed to this account and region.

    """
    found = read(out).get(key(target), {}).get(stage)
    if found and not (aws.here and forgotten(found, aws)):
        return found
    if aws.here:
        # A name as the platform's own; the door finds the local image, or needs none.
        registry = f"{target.account}.dkr.ecr.{target.region}.amazonaws.com"
        return f"{registry}/{REPOSITORY.format(stage=stage)}:latest"
    raise DeployError(
        f"no image of the stage {stage} is recorded for account {target.account} in "
        f"{target.region}; run: stagewire push --out {out}, or name it: --image {stage}=URI"
    )


def forgotten(uri: str, aws: Aws) -> bool:
    """Tell whether this machine, whose registry ends with it, was started anew since the push."""
    repository, _, tag = uri.partition("/")[2].rpartition(":")
    client = aws.client("ecr")
    with explained(f"looking for {uri}"):
        try:
            client.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
        except (
            client.exceptions.RepositoryNotFoundException,
            client.exceptions.ImageNotFoundException,
        ):
            return True
    return False


def read(out: Path) -> dict[str, dict[str, str]]:
    """Read the URIs by place and stage; nothing when nothing was pushed.

    Raises:
        DeployError: the record cannot be read.

    """
    path = out / RECORD
    if not path.exists():
        return {}
    try:
        found: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DeployError(f"{path} cannot be read: {error}; delete it and push again") from None
    return found


def write(out: Path, target: Target, uris: dict[str, str]) -> None:
    """Add the URIs of one place."""
    found = read(out)
    found[key(target)] = found.get(key(target), {}) | uris
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=2, sort_keys=True)
    (out / RECORD).write_text(text + "\n", encoding="utf-8")


def key(target: Target) -> str:
    """Name a place: AWS's account and region, or this machine's URL."""
    return f"{target.url or 'aws'} {target.account} {target.region}"
