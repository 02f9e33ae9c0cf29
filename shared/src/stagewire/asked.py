"""What the headers of a usual request ask for, read once for all requests with the same head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from stagewire import media
from stagewire.request import new_id, request_id

if TYPE_CHECKING:
    from stagewire.headers import Headers


@dataclass(frozen=True, slots=True)
class Asked:
    """The formats and the request's id.

    `kind` is the Content-Type with `media.ANY_ID` in place of the id, `passed` is that id, and `given`
    is the one of the header X-Request-Id.
    """

    kind: str
    accept: str | None
    passed: str | None
    given: str | None

    @classmethod
    def of(cls, headers: Headers) -> Self | None:
        """Read the headers; None where only the general way knows what they mean."""
        raw = headers.raw
        kind, given, accept = map(raw.get, (b"content-type", b"x-request-id", b"accept"))
        if not kind or b"content-encoding" in raw:
            return None
        bare, passed = media.apart(kind.decode("latin-1"))
        return cls(
            kind=bare,
            accept=None if accept is None else accept.decode("latin-1"),
            passed=passed,
            given=None if given is None else given.decode("latin-1"),
        )

    @property
    def id(self) -> str:
        """The id that the request came with, else a new one."""
        if self.passed is not None:
            return self.passed
        return new_id() if self.given is None else request_id(self.given)
