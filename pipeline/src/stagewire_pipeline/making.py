"""One deployment made on AWS: recorded first, then uploaded, then created."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from stagewire_pipeline import deleting
from stagewire_pipeline.deployment import Resource
from stagewire_pipeline.errors import DeployError
from stagewire_pipeline.ledger import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stagewire_pipeline.apply import Aws, Target
    from stagewire_pipeline.deployment import Deployment
    from stagewire_pipeline.ledger import Ledger
    from stagewire_pipeline.preflight import Archive


class Maker(Protocol):
    """What makes an endpoint: boto3's calls, or the SageMaker SDK."""

    def config(self, deployment: Deployment, *, update: bool) -> str:
        """Name the endpoint configuration that `make` makes."""
        ...

    def make(self, deployment: Deployment, *, update: bool) -> None:
        """Make model, configuration and endpoint; do not wait."""
        ...


@dataclass(frozen=True)
class Work:
    """A deployment with everything that makes it."""

    deployment: Deployment
    archives: Sequence[Archive]
    aws: Aws
    maker: Maker
    ledger: Ledger
    say: Callable[[str], None]

    @property
    def for_removal(self) -> tuple[Aws, Ledger, Callable[[str], None]]:
        """What `deleting.remove` needs."""
        return self.aws, self.ledger, self.say

    def things(self, *, update: bool) -> list[Resource]:
        """List what has to be there for the endpoint, the endpoint last."""
        objects = [Resource("object", each.model_data) for each in self.deployment.containers]
        return [
            Resource("bucket", self.deployment.bucket),
            *objects,
            Resource("model", self.deployment.version),
            Resource("endpoint-config", self.maker.config(self.deployment, update=update)),
            Resource("endpoint", self.deployment.name),
        ]


def default_bucket(target: Target) -> str:
    """Name the account's bucket for artifacts, the SageMaker SDK's own."""
    return f"sagemaker-{target.region}-{target.account}"


def make(work: Work, target: Target, old: Entry | None) -> Entry:
    """Make what is not there yet; the record has it before AWS has.

    Raises:
        DeployError: AWS refused a step; what the others made is gone again.

    """
    missing = [each for each in work.things(update=bool(old)) if not work.aws.exists(each)]
    deployment = work.deployment
    before = old or Entry(deployment.name, target, "", "", deployment.bucket, ())
    entry = replace(
        before,
        version=deployment.version,
        config=work.maker.config(deployment, update=bool(old)),
        bucket=deployment.bucket,
        made=(*before.made, *missing),
    )
    work.ledger.put(entry)
    try:
        fill(work, missing, target)
        work.say(f"creating {work.deployment.version}")
        work.maker.make(work.deployment, update=bool(old))
    except DeployError:
        # Where AWS no longer answers, the record keeps what may have been made.
        with suppress(DeployError):
            undone = replace(before, made=entry.made)
            deleting.remove(missing, undone, *work.for_removal)
        raise
    return entry


def fill(work: Work, missing: Sequence[Resource], target: Target) -> None:
    """Upload the artifacts that are not there, into a bucket that is made if it must be."""
    bucket = work.deployment.bucket
    if Resource("bucket", bucket) in missing:
        work.say(f"creating the bucket {bucket}")
        work.aws.make_bucket(bucket)
    elif bucket == default_bucket(target):
        # Anybody can guess this name and have taken it; what they put there would be our model.
        work.aws.check_owner(bucket, target)
    for archive, container in zip(work.archives, work.deployment.containers, strict=True):
        if Resource("object", container.model_data) not in missing:
            continue
        size, sent = archive.path.stat().st_size, 0

        def count(more: int, total: int = size, name: str = archive.path.name) -> None:
            nonlocal sent
            sent += more
            work.say(f"uploading {name}: {10 * sent // max(total, 1)}0 %")

        work.aws.upload(archive.path, container.model_data, count)
