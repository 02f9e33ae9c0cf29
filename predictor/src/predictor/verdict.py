"""What the numbers that an objective gives mean: a value, a label, probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from stagewire.schema import DType, Field, Schema, Task
from stagewire.table import Column, Role, objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

PREDICTION = "prediction"


class Verdict(Protocol):
    """Turns raw numbers into columns, and says beforehand which ones."""

    def schema(self) -> Schema:
        """Return the columns that are given."""
        ...

    def columns(self, raw: NDArray[np.float32]) -> tuple[Column, ...]:
        """Return the columns for XGBoost's numbers, float32, shape (rows,) or (rows, classes)."""
        ...


class Value:
    """The number itself, as it is: reg:*, count:*, survival:*, rank:* and binary:logitraw.

    binary:logitraw stands here because its author asked for the margin and not for a probability.
    """

    def schema(self) -> Schema:
        """Return the one column."""
        return Schema((Field(PREDICTION, "float32"),), task="regression")

    def columns(self, raw: NDArray[np.float32]) -> tuple[Column, ...]:
        """Return the numbers."""
        return (Column(PREDICTION, raw, Role.PREDICTION),)


class Values:
    """Several numbers, each in a column of its own: several labels, or quantiles of one."""

    def __init__(self, several: Sequence[str]) -> None:
        self.names = tuple(f"{PREDICTION}_{name}" for name in several)

    def schema(self) -> Schema:
        """Return one column a number."""
        return Schema(tuple(Field(name, "float32") for name in self.names), task="regression")

    def columns(self, raw: NDArray[np.float32]) -> tuple[Column, ...]:
        """Return the numbers, of shape (rows, numbers), in columns."""
        named = zip(self.names, raw.T, strict=True)
        return tuple(Column(name, numbers, Role.PREDICTION) for name, numbers in named)


class Labels:
    """The label alone, because the objective gives no probability: multi:softmax, binary:hinge."""

    def __init__(self, classes: Sequence[str | int]) -> None:
        self.classes = tuple(classes)
        self.texts = any(isinstance(name, str) for name in classes)
        self.values: NDArray[Any] = objects(classes) if self.texts else np.array(classes, np.int64)

    def schema(self) -> Schema:
        """Return the one column; without probabilities no classes are declared."""
        return Schema((self.field(),), task="classification")

    def columns(self, raw: NDArray[np.float32]) -> tuple[Column, ...]:
        """Return the labels; the numbers are their positions."""
        return (self.labels(raw.astype(np.intp)),)

    def field(self) -> Field:
        """Return the label's column: text, or integers, which a schema counts as float64."""
        dtype: DType = "string" if self.texts else "float64"
        return Field(PREDICTION, dtype)

    def labels(self, positions: NDArray[np.intp]) -> Column:
        """Return the labels at positions, shape (rows,)."""
        return Column(PREDICTION, self.values[positions], Role.PREDICTION)


class Probabilities(Labels):
    """The likeliest label and the probability of each, to the bit as XGBoost gives them.

    Of equal ones the first, as XGBClassifier does.
    """

    def schema(self) -> Schema:
        """Return the label's column and one a class."""
        fields = (self.field(), *(Field(name, "float32") for name in self.names()))
        task: Task = "classification"
        return Schema(fields, task=task, classes=self.classes)

    def columns(self, raw: NDArray[np.float32]) -> tuple[Column, ...]:
        """Return the labels and the probabilities, float32."""
        raw = raw.reshape(-1, len(self.classes))  # XGBoost gives (rows,) for a single class
        return self.of(raw.argmax(axis=1), tuple(raw.T))

    def names(self) -> tuple[str, ...]:
        """Return the names of the probabilities' columns."""
        return tuple(f"{PREDICTION}_{name}" for name in self.classes)

    def of(
        self, positions: NDArray[np.intp], shares: Sequence[NDArray[np.float32]]
    ) -> tuple[Column, ...]:
        """Put labels and probabilities into columns."""
        named = zip(self.names(), shares, strict=True)
        return (self.labels(positions), *(Column(n, p, Role.PREDICTION) for n, p in named))


class Binary(Probabilities):
    """Two classes from the probability p of the second; the first has 1 - p, in float32.

    The second is the label where p > 0.5, as XGBClassifier decides.
    """

    def columns(self, raw: NDArray[np.float32]) -> tuple[Column, ...]:
        """Return the labels and both probabilities, float32."""
        positions = (raw > np.float32(0.5)).astype(np.intp)
        return self.of(positions, (np.float32(1) - raw, raw))


# Objectives that decide between classes; all others give a value.
CLASSIFIERS: Mapping[str, type[Labels]] = {
    "binary:logistic": Binary,
    "binary:hinge": Labels,
    "multi:softprob": Probabilities,
    "multi:softmax": Labels,
}
