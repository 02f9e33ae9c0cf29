"""A featurizer that is served by its plan, with scikit-learn in reserve."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from featurizer.plan.run import Outlier
from stagewire.limits import INLINE_BYTES
from stagewire.table import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from featurizer.model import Featurizer
    from featurizer.plan.run import Plan
    from stagewire.schema import Schema
    from stagewire.table import Table


@dataclass(frozen=True)
class Planned:
    """A plan with the columns it takes and gives; `load` brings scikit-learn's own transformer."""

    plan: Plan
    schema: Schema
    output: Schema
    load: Callable[[], Featurizer]
    # Some tens of microseconds a request: a thread would cost more.
    inline_bytes: int = INLINE_BYTES

    @cached_property
    def reference(self) -> Featurizer:
        """The transformer itself, loaded when a number is first beyond what the plan can do."""
        return self.load()

    def warm(self) -> None:
        """Load scikit-learn's transformer, so that no request waits a second for it."""
        _ = self.reference

    def __call__(self, data: Table) -> NDArray[np.float64]:
        """Return the features, float64, shape (rows, features).

        Raises:
            BadRows: an encoder refuses rows; names every one.

        """
        if data.rows == 0:
            return np.empty((0, len(self.output.fields)))
        try:
            return self.plan(self._columns(data), data.rows)
        except Outlier:
            return self.reference(data)

    def _columns(self, data: Table) -> list[NDArray[Any]]:
        features = data.of(Role.FEATURE)
        names = self.schema.names
        if tuple(column.name for column in features) == names:
            return [column.numpy() for column in features]
        return [data[name] for name in names]
