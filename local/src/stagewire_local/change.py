"""What is wanted of a variant that serves: the part of UpdateEndpointWeightsAndCapacities for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a variant is to have; None leaves it as it is. `serverless` is the whole new config."""

    weight: float | None = None
    count: int | None = None
    serverless: Mapping[str, Any] | None = None
