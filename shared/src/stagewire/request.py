"""What one request asks for besides its rows; it crosses a hop beside them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from stagewire.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

E = TypeVar("E", bound=StrEnum)

# An id goes into logs, headers and media-type parameters: printable, unquoted, short.
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Origin(StrEnum):
    """How the first caller of a chain sent its rows, which decides the shape of the answer."""

    CSV = "csv"
    CSV_HEADER = "csv-header"
    JSON_RECORDS = "json-records"
    JSON_RECORD = "json-record"
    JSON_SPLIT = "json-split"
    JSON_INSTANCES = "json-instances"
    JSON_INPUTS = "json-inputs"
    JSON_INPUT = "json-input"
    JSON_INPUT_ROW = "json-input-row"
    JSONLINES = "jsonlines"
    NPY = "npy"
    ARROW = "arrow"

    @property
    def named(self) -> bool:
        """Whether the answer repeats the caller's columns beside the prediction."""
        return self in _NAMED


_NAMED = frozenset(
    {
        Origin.CSV_HEADER,
        Origin.JSON_RECORDS,
        Origin.JSON_RECORD,
        Origin.JSON_SPLIT,
        Origin.JSONLINES,
        Origin.ARROW,
    }
)


class Policy(StrEnum):
    """What becomes of a row that breaks the schema."""

    FAIL = "fail"
    NULL = "null"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Request:
    """The options of a request.

    `hop` is True when the rows come from a stage of ours: their features are not the caller's
    own columns then, and are not repeated in a named answer.
    """

    id: str = ""
    origin: Origin = Origin.CSV
    policy: Policy = Policy.FAIL
    proba: bool = False
    hop: bool = False

    def parameters(self) -> dict[str, str]:
        """Return what crosses a hop, as Arrow metadata or media-type parameters."""
        # The policy also when it is `fail`: the next stage's own default may be another.
        found = {
            "sw-id": self.id,
            "sw-origin": str(self.origin),
            "sw-bad-rows": str(self.policy),
        }
        if self.proba:
            found["sw-proba"] = "true"
        return found


def from_parameters(
    parameters: Mapping[str, str], *, origin: Origin, given_id: str, policy: Policy
) -> Request:
    """Read a caller's options, or those that a previous stage passed on.

    Raises:
        Malformed: an option has a value that it cannot have.

    """
    passed = parameters.get("sw-origin")
    asked = parameters.get("sw-bad-rows") or parameters.get("bad-rows")
    return Request(
        id=request_id(parameters.get("sw-id", given_id)),
        origin=_choice(Origin, "sw-origin", passed) if passed else origin,
        policy=_choice(Policy, "bad-rows", asked) if asked else policy,
        proba=flag("proba", parameters.get("sw-proba", parameters.get("proba", "false"))),
        hop=passed is not None,
    )


def flag(name: str, value: str) -> bool:
    """Read true or false."""
    if value.lower() not in {"true", "false"}:
        raise Malformed(f"the parameter {name}={value!r} is not one of: true, false")
    return value.lower() == "true"


def _choice(kind: type[E], name: str, value: str) -> E:
    try:
        return kind(value.lower())
    except ValueError:
        raise Malformed(
            f"the parameter {name}={value!r} is not one of: {', '.join(kind)}"
        ) from None


def request_id(value: str) -> str:
    """Keep a caller's id when it is safe in a header and a log, else make one."""
    return value if valid_id(value) else new_id()


def valid_id(value: str) -> bool:
    """Tell whether an id is safe in a header and a log."""
    return _ID.fullmatch(value) is not None


def new_id() -> str:
    """Make an id: 32 hexadecimal digits at random, as a UUID's are.

    Several hundred at once cost a tenth of a microsecond each, and a UUID two.
    """
    try:
        return _ids.pop()
    except IndexError:
        digits = os.urandom(_IDS * 16).hex()
        _ids.extend(digits[i : i + 32] for i in range(32, len(digits), 32))
        return digits[:32]


# Drawn at once, 4 KiB of random bytes, so that hundreds of ids share one system call.
_IDS = 256
_ids: list[str] = []
# A process that was forked must not give its parent's ids again.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.clear)
