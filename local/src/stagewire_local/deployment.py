"""How an endpoint is to be changed: the part of a DeploymentConfig that one machine can keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stagewire_local.faults import NotImplementedHere

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Blue/green, all at once; times in seconds.

    `wait` is how long the old instances live on after the requests have left them; `most` is how
    long the new ones may take to be healthy, None for as long as their own windows allow.
    """

    wait: float = 0.0
    most: float | None = None

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> Deployment:
        """Read a DeploymentConfig. Raises NotImplementedHere for what would be without effect."""
        config = config or {}
        if config.get("RollingUpdatePolicy"):
            raise NotImplementedHere("RollingUpdatePolicy is not implemented on this machine.")
        if (config.get("AutoRollbackConfiguration") or {}).get("Alarms"):
            raise NotImplementedHere(
                "AutoRollbackConfiguration is not implemented on this machine: nothing here "
                "evaluates alarms, so none would roll back. A deployment whose containers do not "
                "pass the ping is rolled back without it."
            )
        policy: Mapping[str, Any] = config.get("BlueGreenUpdatePolicy") or {}
        routing: Mapping[str, Any] = policy.get("TrafficRoutingConfiguration") or {}
        if routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
            raise NotImplementedHere(
                f"TrafficRoutingConfiguration of type {routing['Type']} is not implemented on "
                "this machine; ALL_AT_ONCE is."
            )
        return cls(
            wait=policy.get("TerminationWaitInSeconds") or 0,
            most=policy.get("MaximumExecutionTimeoutInSeconds"),
        )
