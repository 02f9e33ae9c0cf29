"""Remembers which instance has which stateful session, so that its requests go nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from stagewire_local.errors import ValidationError
from stagewire_local.headers import CLOSED_SESSION, FRESH, SESSION, SESSION_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagewire_local.chain import Hop
    from stagewire_local.registry import Endpoint
    from stagewire_local.variant import Variant

# What a container says of a session that it has begun (stateful-sessions).
BEGUN = re.compile(
    rf"({SESSION_ID.pattern});\s*Expires=(\d{{4}}-\d{{2}}-\d{{2}}T\d{{2}}:\d{{2}}:\d{{2}}Z)"
)


def now() -> datetime:
    """Read the clock, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Session:
    """One session: the instance it lives on, and until when."""

    instance: str
    expires: datetime


class Sessions:
    """The sessions of all endpoints, by the endpoint's name and their id."""

    def __init__(self, *, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._known: dict[tuple[str, str], Session] = {}

    def home(self, endpoint: Endpoint, name: str) -> Variant:
        """Return the variant of a session with its one instance. Raises ValidationError."""
        self._forget()
        session = self._known.get((endpoint.name, name))
        for variant in endpoint.variants if session else ():
            for instance in variant.instances:
                if session and instance.id == session.instance:
                    return replace(variant, instances=[instance])
        raise ValidationError(
            f"Session {name} of endpoint {endpoint.name} is not open, or its time is over."
        )

    def note(
        self,
        headers: Mapping[str, str],
        *,
        endpoint: Endpoint,
        hops: Sequence[Hop],
        asked: str | None,
    ) -> None:
        """Read from a container's answer that a session has begun or ended."""
        closed = headers.get(CLOSED_SESSION.lower())
        if closed is not None:
            self._known.pop((endpoint.name, closed), None)
        begun = BEGUN.fullmatch(headers.get(SESSION.lower(), "")) if asked == FRESH else None
        if begun is not None:
            self._forget()
            self._known[endpoint.name, begun[1]] = Session(
                instance=having(hops, endpoint=endpoint),
                expires=datetime.fromisoformat(begun[begun.re.groups]),
            )

    def _forget(self) -> None:
        moment = self._clock()
        self._known = {
            key: session for key, session in self._known.items() if session.expires > moment
        }


def having(hops: Sequence[Hop], *, endpoint: Endpoint) -> str:
    """Name the instance that hops belong to; empty when it is gone meanwhile."""
    address = hops[0].address
    for variant in endpoint.variants:
        for instance in variant.instances:
            if any(each.address == address for each in instance.containers):
                return instance.id
    return ""
