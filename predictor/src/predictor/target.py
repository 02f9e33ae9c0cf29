"""The label to learn: a number, or a class in its place among the classes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from predictor.settings import TASKS
from predictor.verdict import CLASSIFIERS
from stagewire.training import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stagewire.training import Channel, Hyperparameters

# How many rows an error names: enough to find the fault, few enough to read.
_NAMED_ROWS = 10

# "007" and "7" are one integer but two texts: only what int itself would write counts as one.
# At most 18 digits, so that it fits int64.
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Target:
    """The label's column, the objective, and the classes in the order of their text or number."""

    label: str
    objective: str
    classes: tuple[str | int, ...] = ()

    def values(self, channel: Channel, name: str) -> NDArray[np.float64]:
        """Return what XGBoost learns from, float64, shape (rows,): numbers, or classes' positions.

        Raises:
            TrainingError: a label is missing, no number that float32 holds, or a class that `train`
                does not have.

        """
        _refuse_missing(channel, self.label, name)
        if not self.classes:
            return _numbers(channel, self.label, name)
        places = {each: place for place, each in enumerate(self.classes)}
        found = _labels(channel, self.label, as_text=isinstance(self.classes[0], str))
        unseen = sorted({str(each) for each in found if each not in places})
        if unseen:
            raise TrainingError(
                f"the channel {name!r} has labels that 'train' does not have: {unseen}"
            )
        return np.array([places[each] for each in found], dtype=np.float64)


def choose(asked: Hyperparameters, objective: str | None, channel: Channel) -> Target:
    """Decide what to learn from the `train` channel.

    The label is `label`, or the last column; the task is `task`, or else what the objective says,
    or else classification for text and regression for numbers.

    Raises:
        TrainingError: there is no such column, or task, objective and label do not fit.

    """
    label = asked.text("label") or channel.names[-1]
    if label not in channel.names:
        raise TrainingError(f"the label {label!r} is not among the columns {list(channel.names)}")
    _refuse_missing(channel, label, "train")
    numeric = channel.is_numeric(label)
    implied = _implied(objective, numeric=numeric)
    task = asked.choice("task", TASKS, implied)
    if objective and task != implied:
        raise TrainingError(f"the objective {objective!r} does not fit the task {task!r}")
    if task == TASKS[0]:
        if not numeric:
            raise TrainingError(f"the label {label!r} is text: its task is classification")
        return Target(label, objective or "reg:squarederror")
    classes = _classes(channel, label)
    stated = asked.integer("num_class", len(classes))
    if stated != len(classes):
        raise TrainingError(
            f"the hyperparameter num_class has the value {stated}, the label has {len(classes)} classes"
        )
    return Target(label, _objective(objective, classes), classes)


def _implied(objective: str | None, *, numeric: bool) -> str:
    if objective:
        return TASKS[1] if objective in {*CLASSIFIERS, "binary:logitraw"} else TASKS[0]
    return TASKS[0] if numeric else TASKS[1]


def _objective(objective: str | None, classes: Sequence[str | int]) -> str:
    two = len(classes) == 2  # noqa: PLR2004 (binary)
    if objective and objective.startswith("binary:") and not two:
        raise TrainingError(
            f"the objective {objective!r} takes 2 classes, the label has {len(classes)}"
        )
    return objective or ("binary:logistic" if two else "multi:softprob")


def _classes(channel: Channel, label: str) -> tuple[str | int, ...]:
    """Return the labels in order: as integers if all are, else as text by code points."""
    as_text = not all(_INTEGER.fullmatch(str(text)) for text in channel.texts(label))
    found = set(_labels(channel, label, as_text=as_text))
    if len(found) < 2:  # noqa: PLR2004 (nothing to tell apart)
        raise TrainingError(f"the label {label!r} has only one class: {sorted(map(str, found))}")
    return tuple(sorted(found))  # all text or all integers


def _labels(channel: Channel, label: str, *, as_text: bool) -> list[str | int]:
    """Return the labels; one that is no integer stays text, and is then no known class."""
    texts = [str(text) for text in channel.texts(label)]
    return [int(t) if not as_text and _INTEGER.fullmatch(t) else t for t in texts]


def _numbers(channel: Channel, label: str, name: str) -> NDArray[np.float64]:
    """Return the labels as numbers; XGBoost, which holds float32, would refuse one with a C++ stack."""
    found: NDArray[np.float64] = channel.numbers(label)
    _refuse_rows(np.flatnonzero(np.isnan(found)).tolist(), name)
    with np.errstate(over="ignore"):
        beyond = np.flatnonzero(np.isinf(found.astype(np.float32)))
    if len(beyond):
        row = int(beyond[0])
        raise TrainingError(
            f"the channel {name!r} has a label beyond float32: row {row}, {found[row]}"
        )
    return found


def _refuse_missing(channel: Channel, label: str, name: str) -> None:
    if label not in channel.names:
        raise TrainingError(f"the channel {name!r} lacks the label {label!r}")
    _refuse_rows([row for row, text in enumerate(channel.texts(label)) if text is None], name)


def _refuse_rows(rows: Sequence[int], name: str) -> None:
    if rows:
        more = f" and {len(rows) - _NAMED_ROWS} more" if len(rows) > _NAMED_ROWS else ""
        raise TrainingError(
            f"the channel {name!r} has rows without a label: {rows[:_NAMED_ROWS]}{more}"
        )
