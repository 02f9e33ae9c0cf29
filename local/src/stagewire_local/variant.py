"""What an endpoint is made of: variants of instances of containers, and how a request is routed."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from stagewire_local.chain import Hop
from stagewire_local.change import Change
from stagewire_local.errors import ServiceUnavailable, ValidationError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from stagewire_local.driver import Address, ContainerSpec

FEWEST = "LEAST_OUTSTANDING_REQUESTS"
VARIANT = "AllTraffic"  # what every SDK calls the only variant


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
    busy: int = 0  # requests that are on their way through it
    until: float = 0.0  # the loop's time by which the longest of them must have ended

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
    """A production variant: instances that requests go round.

    `settings` is the ProductionVariant that it was made from, as the API was given it; `wanted` is
    what it is to have once the current change has ended.
    """

    name: str
    instances: list[Instance]
    weight: float = 1.0
    direct: bool = False  # InferenceExecutionConfig: the caller names one container
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    turn: Iterator[int] = field(default_factory=count)
    credit: float = 0.0  # of the smooth weighted round robin in `Endpoint.variant`
    wanted: Change = field(default_factory=Change)

    def route(self, target: str | None = None) -> list[Hop]:
        """Choose as `lease` does, for a request that nothing waits for."""
        return self._next(target)[1]

    @contextmanager
    def lease(self, target: str | None = None, *, seconds: float = 0.0) -> Generator[list[Hop]]:
        """Choose the next healthy instance, and in it the one target if the mode is Direct.

        It is not stopped by an update before the block ends, or `seconds` are over if that is
        more than plain requests get. Raises ServiceUnavailable when there is none, ValidationError
        for a wrong target.
        """
        instance, hops = self._next(target)
        instance.busy += 1
        if seconds:
            instance.until = max(instance.until, asyncio.get_running_loop().time() + seconds)
        try:
            yield hops
        finally:
            instance.busy -= 1

    def take(self) -> None:
        """Apply the weight and the concurrency that are wanted."""
        if self.wanted.weight is not None:
            self.weight = self.wanted.weight
        if self.wanted.serverless is not None:
            self.settings = {**self.settings, "ServerlessConfig": self.wanted.serverless}

    def status(self) -> dict[str, Any]:
        """Describe it for `/_stagewire/status`."""
        return {
            "name": self.name,
            "weight": self.weight,
            "instances": [
                {"id": each.id, "containers": [inner.status() for inner in each.containers]}
                for each in self.instances
            ],
        }

    def _next(self, target: str | None) -> tuple[Instance, list[Hop]]:
        for instance in self._order():
            hops = instance.hops()
            if hops is not None:
                return instance, self._aimed(hops, target=target)
        raise ServiceUnavailable(
            f"No instance of variant {self.name} is healthy at the moment. Try again."
        )

    def _order(self) -> Sequence[Instance]:
        """Put the instance first whose turn it is, or the one with the fewest requests in it."""
        start = next(self.turn) % len(self.instances)
        turns = [*self.instances[start:], *self.instances[:start]]
        routing: Mapping[str, Any] = self.settings.get("RoutingConfig") or {}
        if routing.get("RoutingStrategy") == FEWEST:
            turns.sort(key=lambda instance: instance.busy)
        return turns

    def _aimed(self, hops: list[Hop], *, target: str | None) -> list[Hop]:
        if not self.direct:
            if target is None:
                return hops
            raise ValidationError(
                "TargetContainerHostname is not valid for an endpoint whose "
                "InferenceExecutionConfig mode is Serial."
            )
        found = [hop for hop in hops if hop.hostname == target]
        if not found:
            known = ", ".join(hop.hostname for hop in hops)
            raise ValidationError(
                "TargetContainerHostname is required for an endpoint whose InferenceExecutionConfig "
                f"mode is Direct, and must be one of {known}; it is {target}."
            )
        return found
