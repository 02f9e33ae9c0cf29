"""The plan of a variant: what a host needs to know of a ProductionVariant and its model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stagewire_local.variant import VARIANT, Container, Instance, Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagewire_local.driver import ContainerSpec


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A variant that does not exist yet; the fields are those of Variant."""

    specs: Sequence[ContainerSpec]
    name: str = VARIANT
    count: int = 1
    weight: float = 1.0
    direct: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def variant(self, name: Callable[[], str]) -> Variant:
        """Make it, with instances of new names and nothing started yet."""
        return Variant(
            name=self.name,
            instances=[instance(name(), self.specs) for _ in range(self.count)],
            weight=self.weight,
            direct=self.direct,
            settings=self.settings,
        )


def instance(name: str, specs: Sequence[ContainerSpec]) -> Instance:
    """Make one copy of all containers."""
    siblings = tuple(spec.hostname for spec in specs)
    return Instance(
        id=name,
        containers=[
            Container(spec=replace(spec, instance=name, siblings=siblings)) for spec in specs
        ],
    )
