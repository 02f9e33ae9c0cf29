"""Which columns of a training channel become features, and of what kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stagewire.decoding import RESERVED
from stagewire.schema import Field, Schema
from stagewire.training import TrainingError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from stagewire.training import Channel, Hyperparameters


KNOWN: Final = frozenset({"label", "numeric", "categorical"})


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a training: the label, and the features by kind, in the header's order."""

    label: str
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    schema: Schema


def choose(asked: Hyperparameters, channel: Channel) -> Columns:
    """Take the kinds that the hyperparameters `numeric` and `categorical` state, or infer them.

    With both stated, a column in neither is left out. With one or none, the rest is inferred:
    numeric iff every cell that is not empty is a number. The label is `label`, or the last column.

    Raises:
        TrainingError: a hyperparameter is none of these; a stated column does not exist, stands in
            both or is the label; a feature has the answer's name, or is empty in every row; none is
            left.

    """
    asked.known(KNOWN)
    label = asked.text("label") or channel.names[-1]
    numeric, categorical = asked.names("numeric"), asked.names("categorical")
    stated = (*(numeric or ()), *(categorical or ()))
    _check_stated(stated, label, channel.names)
    inferred = numeric is None or categorical is None
    names = [n for n in channel.names if n != label and (inferred or n in stated)]
    kinds = {name: _is_numeric(name, channel, numeric, categorical) for name in names}
    _check_kinds(kinds, channel)
    fields = tuple(Field(name, "float64" if kinds[name] else "string") for name in names)
    return Columns(
        label,
        tuple(name for name in names if kinds[name]),
        tuple(name for name in names if not kinds[name]),
        Schema(fields, label=label),
    )


def check(columns: Columns, channel: Channel, name: str) -> None:
    """Refuse a channel that lacks columns of the training channel.

    Raises:
        TrainingError: names the columns.

    """
    missing = [n for n in (*columns.schema.names, columns.label) if n not in channel.names]
    if missing:
        raise TrainingError(f"the channel {name!r} lacks the columns {missing}")


def _check_stated(stated: Sequence[str], label: str, header: Sequence[str]) -> None:
    unknown = [name for name in dict.fromkeys((*stated, label)) if name not in header]
    if unknown:
        raise TrainingError(f"no columns {unknown} among {list(header)}")
    twice = sorted({name for name in stated if stated.count(name) > 1})
    if twice:
        raise TrainingError(
            f"the columns {twice} are stated more than once in numeric and categorical"
        )
    if label in stated:
        raise TrainingError(f"the label {label!r} is stated as a feature too")


def _is_numeric(
    name: str,
    channel: Channel,
    numeric: Collection[str] | None,
    categorical: Collection[str] | None,
) -> bool:
    if name in (numeric or ()):
        return True
    return name not in (categorical or ()) and channel.is_numeric(name)


def _check_kinds(kinds: Mapping[str, bool], channel: Channel) -> None:
    if not kinds:
        raise TrainingError(f"no feature is left among the columns {list(channel.names)}")
    if RESERVED in kinds:
        raise TrainingError(
            f"the column {RESERVED!r} is called as the answer is: rename it, or leave it out"
        )
    empty = [name for name, number in kinds.items() if channel.is_empty(name, numeric=number)]
    if empty:
        raise TrainingError(f"the columns {empty} are empty in every row: leave them out")
