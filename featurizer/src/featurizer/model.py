"""A fitted transformer with the columns it takes and gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from featurizer.culprits import culprits
from featurizer.features import dense
from featurizer.rowwise import independent
from stagewire.errors import LISTED_ROWS, BadRows
from stagewire.table import Role, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from stagewire.schema import Schema

# As measured for one row: it holds for whatever scikit-learn computes.
COST: Final = "scikit-learn itself serves: about 4 ms a request, and 1 s and 180 MiB at the start"


@dataclass(frozen=True, slots=True)
class Featurizer:
    """A fitted transformer with the columns it takes and gives.

    `named` tells whether it was fitted on names, and so wants a DataFrame, or on a bare array;
    `note` says why there is no plan.
    """

    transformer: Any
    schema: Schema
    output: Schema
    named: bool
    note: Mapping[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Return what `/metadata` shows: why no plan serves, and what that costs."""
        return {"plan": "off", "cost": COST, **self.note}

    @property
    def rowwise(self) -> bool:
        """Whether each row's features depend on nothing but that row."""
        return independent(self.transformer)

    def __call__(self, data: Table) -> NDArray[np.float64]:
        """Return the features, float64, shape (rows, features).

        Raises:
            BadRows: the transformer refuses rows; at most 100 are named.
            TextFeatureError: the transformer gives text.

        """
        if data.rows == 0:
            return np.empty((0, len(self.output.fields)))
        frame = data.frame(Role.FEATURE)
        rows = frame if self.named else frame.to_numpy()
        try:
            return dense(self.transformer.transform(rows))
        except ValueError as error:
            found = culprits(lambda a, b: self.transformer.transform(rows[a:b]), data.rows)
            if not found:
                raise
            raise BadRows(_summary(len(found)), rows=found) from error


def _summary(count: int) -> str:
    more = " (the search stops there)" if count == LISTED_ROWS else ""
    return f"the transformer refuses {count} row{'s' if count > 1 else ''}{more}"
