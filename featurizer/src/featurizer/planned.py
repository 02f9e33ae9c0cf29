"""A featurizer that is served by its plan, with scikit-learn in reserve."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from featurizer.plan.run import Outlier
from featurizer.plan.scalar import scalar
from stagewire.codec.plain_csv import FEW
from stagewire.limits import INLINE_BYTES
from stagewire.offload import off_loop
from stagewire.table import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from featurizer.model import Featurizer
    from featurizer.plan.run import Plan
    from featurizer.plan.scalar import Scalar
    from stagewire.schema import Schema
    from stagewire.table import Table


@dataclass(frozen=True)
class Planned:
    """A plan with the columns it takes and gives; `load` brings scikit-learn's own transformer."""

    plan: Plan
    schema: Schema
    output: Schema
    load: Callable[[], Featurizer]
    # A plan takes some tens of microseconds a request; a thread would cost more.
    inline_bytes: int = INLINE_BYTES

    @cached_property
    def reference(self) -> Featurizer:
        """The transformer itself, loaded when a number is first beyond what the plan can do."""
        return self.load()

    def describe(self) -> dict[str, Any]:
        """Return what `/metadata` shows: whether the plan serves, and what it leaves to scikit-learn."""
        return {
            "plan": "on",
            "left_to_scikit_learn": f"requests with a number beyond {self.plan.limit:g}",
            "one_by_one": FEW if self.scalar else 0,
        }

    def warm(self) -> None:
        """Load scikit-learn's transformer, so that no request waits a second for it."""
        _ = self.reference

    def __call__(self, data: Table) -> NDArray[np.float64]:
        """Return the features, float64, shape (rows, features).

        Raises:
            BadRows: an encoder refuses rows; names every one.
            Offload: scikit-learn is needed, and this is the event loop.

        """
        if data.rows == 0:
            return np.empty((0, len(self.output.fields)))
        try:
            return self.plan(self._columns(data), data.rows)
        except Outlier:
            off_loop()  # scikit-learn takes a second to load, and then 4 ms a request
            return self.reference(data)

    @cached_property
    def scalar(self) -> Scalar | None:
        """The plan for few rows."""
        return scalar(self.plan)

    def few(self, rows: Sequence[Sequence[Any]]) -> list[float] | None:
        """Return the features of rows of cells, one row after another; None where only arrays will do."""
        compute, found = self.scalar, list[float]()
        if compute is None:
            return None
        for row in rows:
            features = compute(row)
            if features is None:
                return None
            found += features
        return found

    def many(self, columns: Sequence[NDArray[Any]]) -> NDArray[np.float64] | None:
        """Return the features of columns in the schema's order, (rows, features); None beyond the plan.

        Raises:
            BadRows: an encoder refuses rows; names every one.

        """
        try:
            return self.plan(columns, len(columns[0]))
        except Outlier:
            return None

    def _columns(self, data: Table) -> list[NDArray[Any]]:
        features = data.of(Role.FEATURE)
        names = self.schema.names
        if tuple(column.name for column in features) == names:
            return [column.numpy() for column in features]
        return [data[name] for name in names]
