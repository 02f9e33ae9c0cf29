"""The endpoints of this machine, by name: their states, variants and counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from stagewire_local.errors import ACCOUNT, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stagewire_local.driver import Driver
    from stagewire_local.variant import Container, Variant


class State(StrEnum):
    """The platform's states of an endpoint that this machine has."""

    CREATING = "Creating"
    UPDATING = "Updating"
    ROLLING_BACK = "RollingBack"
    IN_SERVICE = "InService"
    FAILED = "Failed"
    DELETING = "Deleting"


# During an update, or its rollback, the old instances answer.
INVOCABLE = (State.IN_SERVICE, State.UPDATING, State.ROLLING_BACK)


@dataclass(kw_only=True)
class Endpoint:
    """An endpoint with its state and what it has counted.

    `settings` is its EndpointConfig and `deployment` the last DeploymentConfig, as the API was
    given them.
    """

    name: str
    variants: list[Variant]
    driver: Driver
    state: State = State.CREATING
    failure_reason: str | None = None
    requests: int = 0
    errors: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    deployment: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))

    def enter(self, state: State, *, reason: str | None = None) -> None:
        """Change the state, and say why."""
        self.state = state
        self.failure_reason = reason
        self.modified = datetime.now(UTC)

    def containers(self) -> Iterator[Container]:
        """Walk the containers of all instances."""
        for variant in self.variants:
            for instance in variant.instances:
                yield from instance.containers

    def variant(self, name: str | None) -> Variant:
        """Find a variant by its name, else choose one by weight. Raises ValidationError.

        Weights are kept exactly and without chance: each request gives every variant credit of
        its weight, and the one with the most pays for it (smooth weighted round robin).
        """
        if name is None:
            for variant in self.variants:
                variant.credit += variant.weight
            chosen = max(self.variants, key=lambda variant: variant.credit)
            chosen.credit -= sum(variant.weight for variant in self.variants)
            return chosen
        for variant in self.variants:
            if name == variant.name:
                return variant
        raise ValidationError(
            f"Variant {name} not found for Endpoint {self.name} of account {ACCOUNT}."
        )

    def status(self) -> dict[str, Any]:
        """Describe it for `/_stagewire/status`."""
        return {
            "name": self.name,
            "state": self.state.value,
            "failure_reason": self.failure_reason,
            "requests": self.requests,
            "errors": self.errors,
            "variants": [each.status() for each in self.variants],
        }


class Registry:
    """Every endpoint that this machine has, whoever created it."""

    def __init__(self) -> None:
        self._endpoints: dict[str, Endpoint] = {}

    def add(self, endpoint: Endpoint) -> None:
        """Take a new endpoint in. Raises ValidationError for a name that is taken."""
        if endpoint.name in self._endpoints:
            raise ValidationError(f'Cannot create already existing endpoint "{endpoint.name}".')
        self._endpoints[endpoint.name] = endpoint

    def remove(self, name: str) -> None:
        """Forget an endpoint; an unknown name is ignored."""
        self._endpoints.pop(name, None)

    def find(self, name: str) -> Endpoint:
        """Find an endpoint in any state. Raises ValidationError in the platform's words."""
        try:
            return self._endpoints[name]
        except KeyError:
            raise ValidationError(f"Endpoint {name} of account {ACCOUNT} not found.") from None

    def serving(self, name: str) -> Endpoint:
        """Find an endpoint that can be invoked. Raises ValidationError."""
        endpoint = self.find(name)
        if endpoint.state not in INVOCABLE:
            why = f": {endpoint.failure_reason}" if endpoint.failure_reason else "."
            raise ValidationError(f"Endpoint {name} of account {ACCOUNT} is {endpoint.state}{why}")
        return endpoint

    def only(self) -> str:
        """Name the only endpoint. Raises ValidationError when there are none or several."""
        names = sorted(self._endpoints)
        if len(names) == 1:
            return names[0]
        have = f"has {len(names)} ({', '.join(names)})" if names else "has none"
        raise ValidationError(
            f"This path is short for the only endpoint, but this machine {have}. "
            "Use /endpoints/NAME/invocations."
        )

    def all(self) -> Sequence[Endpoint]:
        """List the endpoints by name."""
        return [self._endpoints[name] for name in sorted(self._endpoints)]
