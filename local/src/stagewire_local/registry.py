"""The endpoints of this machine, by name: variants, instances, containers, states, counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING, Any

from stagewire_local.chain import Hop
from stagewire_local.errors import ACCOUNT, ServiceUnavailable, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagewire_local.driver import Address, ContainerSpec, Driver

VARIANT = "AllTraffic"  # what every SDK calls the only variant


class State(StrEnum):
    """The platform's states of an endpoint that this machine has."""

    CREATING = "Creating"
    IN_SERVICE = "InService"
    FAILED = "Failed"
    DELETING = "Deleting"


@dataclass(kw_only=True)
class Container:
    """A container of an instance; `address` is None while there is no process behind it."""

    spec: ContainerSpec
    address: Address | None = None
    healthy: bool = False
    restarts: int = 0
    trouble: str | None = None
    last_lines: Sequence[str] = ()  # of the log, when it was last in trouble

    def status(self) -> dict[str, Any]:
        """Describe it for `/_stagewire/status`."""
        return {
            "hostname": self.spec.hostname,
            "image": self.spec.image,
            "url": self.address.url if self.address else None,
            "healthy": self.healthy,
            "restarts": self.restarts,
            "trouble": self.trouble,
            "last_lines": list(self.last_lines),
        }


@dataclass(kw_only=True)
class Instance:
    """One copy of all containers of a model."""

    id: str
    containers: list[Container]

    def hops(self) -> list[Hop] | None:
        """Return where a request goes, or None while some container is not healthy."""
        hops = [
            Hop(hostname=container.spec.hostname, address=container.address)
            for container in self.containers
            if container.healthy and container.address is not None
        ]
        return hops if len(hops) == len(self.containers) else None


@dataclass(kw_only=True)
class Variant:
    """A production variant: instances that requests go round."""

    name: str
    instances: list[Instance]
    turn: Iterator[int] = field(default_factory=count)

    def route(self) -> list[Hop]:
        """Choose the next healthy instance. Raises ServiceUnavailable when there is none."""
        start = next(self.turn)
        for step in range(len(self.instances)):
            hops = self.instances[(start + step) % len(self.instances)].hops()
            if hops is not None:
                return hops
        message = f"No instance of variant {self.name} is healthy at the moment. Try again."
        raise ServiceUnavailable(message)


@dataclass(kw_only=True)
class Endpoint:
    """An endpoint with its state and what it has counted."""

    name: str
    variants: list[Variant]
    driver: Driver
    state: State = State.CREATING
    failure_reason: str | None = None
    requests: int = 0
    errors: int = 0

    def containers(self) -> Iterator[Container]:
        """Walk the containers of all instances."""
        for variant in self.variants:
            for instance in variant.instances:
                yield from instance.containers

    def variant(self, name: str | None) -> Variant:
        """Find a variant, the first by default. Raises ValidationError."""
        for variant in self.variants:
            if name in {None, variant.name}:
                return variant
        message = f"Variant {name} not found for Endpoint {self.name} of account {ACCOUNT}."
        raise ValidationError(message)

    def status(self) -> dict[str, Any]:
        """Describe it for `/_stagewire/status`."""
        return {
            "name": self.name,
            "state": self.state.value,
            "failure_reason": self.failure_reason,
            "requests": self.requests,
            "errors": self.errors,
            "variants": [
                {
                    "name": variant.name,
                    "instances": [
                        {
                            "id": instance.id,
                            "containers": [each.status() for each in instance.containers],
                        }
                        for instance in variant.instances
                    ],
                }
                for variant in self.variants
            ],
        }


class Registry:
    """Every endpoint that this machine has, whoever created it."""

    def __init__(self) -> None:
        self._endpoints: dict[str, Endpoint] = {}

    def add(self, endpoint: Endpoint) -> None:
        """Take a new endpoint in. Raises ValidationError for a name that is taken."""
        if endpoint.name in self._endpoints:
            message = f'Cannot create already existing endpoint "{endpoint.name}".'
            raise ValidationError(message)
        self._endpoints[endpoint.name] = endpoint

    def remove(self, name: str) -> None:
        """Forget an endpoint; an unknown name is ignored."""
        self._endpoints.pop(name, None)

    def find(self, name: str) -> Endpoint:
        """Find an endpoint in any state. Raises ValidationError in the platform's words."""
        try:
            return self._endpoints[name]
        except KeyError:
            message = f"Endpoint {name} of account {ACCOUNT} not found."
            raise ValidationError(message) from None

    def serving(self, name: str) -> Endpoint:
        """Find an endpoint that can be invoked. Raises ValidationError."""
        endpoint = self.find(name)
        if endpoint.state is not State.IN_SERVICE:
            why = f": {endpoint.failure_reason}" if endpoint.failure_reason else "."
            message = f"Endpoint {name} of account {ACCOUNT} is {endpoint.state}{why}"
            raise ValidationError(message)
        return endpoint

    def only(self) -> str:
        """Name the only endpoint. Raises ValidationError when there are none or several."""
        names = sorted(self._endpoints)
        if len(names) == 1:
            return names[0]
        have = f"has {len(names)} ({', '.join(names)})" if names else "has none"
        message = (
            f"This path is short for the only endpoint, but this machine {have}. "
            "Use /endpoints/NAME/invocations."
        )
        raise ValidationError(message)

    def all(self) -> Sequence[Endpoint]:
        """List the endpoints by name."""
        return [self._endpoints[name] for name in sorted(self._endpoints)]
