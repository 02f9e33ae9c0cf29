"""What the control plane remembers: models, endpoint configurations and tags, by name and ARN."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stagewire_local.errors import ACCOUNT
from stagewire_local.faults import ValidationException

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_TAGS = 50  # botocore sagemaker: shape TagList, max 50


@dataclass(frozen=True, kw_only=True)
class Record:
    """Something that was created, with the request that created it."""

    name: str
    arn: str
    given: Mapping[str, Any]
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


class Records:
    """Records of one kind by ARN, so that names differ in more than their case.

    `kind` is the ARN's word for it and `noun` the messages'.
    """

    def __init__(self, kind: str, noun: str, *, region: str) -> None:
        self._kind = kind
        self._noun = noun
        self._region = region
        self._records: dict[str, Record] = {}

    def arn(self, name: str) -> str:
        """Return the ARN of a name; the platform writes it in lower case."""
        return f"arn:aws:sagemaker:{self._region}:{ACCOUNT}:{self._kind}/{name.lower()}"

    def add(self, name: str, given: Mapping[str, Any]) -> Record:
        """Take a record in. Raises ValidationException for a name that is taken."""
        arn = self.arn(name)
        if arn in self._records:
            raise ValidationException(f'Cannot create already existing {self._noun} "{arn}".')
        self._records[arn] = Record(name=name, arn=arn, given=given)
        return self._records[arn]

    def find(self, name: str) -> Record:
        """Find a record. Raises ValidationException in the platform's words."""
        arn = self.arn(name)
        if arn not in self._records:
            raise ValidationException(f'Could not find {self._noun} "{arn}".')
        return self._records[arn]

    def remove(self, name: str) -> Record:
        """Forget a record. Raises ValidationException."""
        record = self.find(name)
        del self._records[record.arn]
        return record

    def all(self) -> Sequence[Record]:
        """List the records."""
        return list(self._records.values())


class Catalog:
    """The records of each kind, and their tags."""

    def __init__(self, *, region: str) -> None:
        self.models = Records("model", "model", region=region)
        self.configs = Records("endpoint-config", "endpoint configuration", region=region)
        # What was asked for; their state is in the registry.
        self.endpoints = Records("endpoint", "endpoint", region=region)
        self._tags: dict[str, dict[str, str]] = {}

    def tag(self, arn: str, tags: Sequence[Mapping[str, str]]) -> None:
        """Add tags. Raises ValidationException for too many."""
        merged = {**self._tags.get(arn, {}), **{each["Key"]: each["Value"] for each in tags}}
        if len(merged) > MOST_TAGS:
            raise ValidationException(f"{arn} would have more than {MOST_TAGS} tags.")
        self._tags[arn] = merged

    def tags(self, arn: str) -> list[dict[str, str]]:
        """List the tags of an ARN. Raises ValidationException for an unknown one."""
        self._known(arn)
        return [{"Key": key, "Value": value} for key, value in self._tags.get(arn, {}).items()]

    def untag(self, arn: str, keys: Sequence[str]) -> None:
        """Remove tags; those it does not have are ignored. Raises ValidationException."""
        self._known(arn)
        for key in keys:
            self._tags.get(arn, {}).pop(key, None)

    def forget(self, arn: str) -> None:
        """Remove all tags of something that is deleted."""
        self._tags.pop(arn, None)

    def _known(self, arn: str) -> None:
        kinds = (self.models, self.configs, self.endpoints)
        if not any(record.arn == arn for each in kinds for record in each.all()):
            raise ValidationException(f'Could not find resource "{arn}".')
