"""Which columns are numbers and which are words, decided over all rows: a part may miss the one cell that tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagewire.conform import is_missing, is_number
from stagewire.excerpt import shorten
from stagewire_pipeline.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagewire.training import Channel

# As many rows as a person looks up by hand.
NAMED_ROWS = 10
# Each word becomes a feature. More of them than this are names of rows rather than categories, and
# with thousands of them a training takes minutes.
MANY_WORDS = 200


@dataclass(frozen=True)
class Kinds:
    """The columns to learn from; `notes` name those that a few cells make words, or that hold very many."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    notes: tuple[str, ...] = ()


def kinds(
    rows: Channel, *, label: str, numeric: Sequence[str], categorical: Sequence[str]
) -> Kinds:
    """Take the kinds stated; with one list or none, infer the rest: numbers iff all its cells are.

    In a column of numbers nan is missing, as it is to the featurizer, and an infinity is refused.

    Raises:
        DataError: a column of numbers has words or infinities, or one to be inferred is empty.

    """
    both = numeric and categorical
    stated = {label, *numeric, *categorical}
    rest = [] if both else [name for name in rows.names if name not in stated]
    numbers = [*numeric, *filter(rows.is_numeric, rest)]
    for name in numbers:
        cells = rows.cells(name)
        if wrong := [row for row in odd(cells) if not is_missing(cells[row])]:
            raise DataError(f"{rows.where}: the column {name!r} {_told(wrong, cells)}")
    if both:
        return Kinds(tuple(numeric), tuple(categorical))
    words = {name: odd(rows.cells(name)) for name in rest if name not in numbers}
    for name in rest:
        if rows.is_empty(name, numeric=name in numbers):
            raise DataError(
                f"{rows.where}: the column {name!r} is empty in every row; take it out, or name "
                "the columns to learn from by --numeric and --categorical"
            )
    return Kinds(
        tuple(name for name in rows.names if name in numbers),
        tuple(name for name in rows.names if name in categorical or name in words),
        tuple(note for name, found in words.items() if (note := _note(name, found, rows))),
    )


def _note(name: str, found: Sequence[int], rows: Channel) -> str:
    """Say what may be a mistake in a column that is taken as words; empty when nothing may."""
    cells = rows.cells(name)
    if few(found, cells):
        return f"{name!r} is taken as words, since it {_told(found, cells)}"
    many = len(set(cells) - {""})
    if found and many > MANY_WORDS:
        return (
            f"{name!r} has {many} different words, and each will be a feature; if they only tell rows "
            "apart, name the columns to learn from by --numeric and --categorical"
        )
    return ""


def odd(cells: Sequence[str]) -> list[int]:
    """Return the rows whose cell is neither empty nor a number."""
    return [row for row, cell in enumerate(cells) if cell and not is_number(cell)]


def few(found: Sequence[int], cells: Sequence[str]) -> bool:
    """Tell whether the odd cells look like slips: most of the cells that are not empty are numbers."""
    return 0 < 2 * len(found) < sum(map(bool, cells))


def check_label(rows: Channel, label: str, *, stated: bool) -> None:
    """Refuse a label that is a number but for a few rows: each number would become a class.

    `stated`: regression was asked for, so that a single word is too many.

    Raises:
        DataError: names the rows.

    """
    cells = rows.cells(label)
    found = odd(cells)
    if found and (stated or few(found, cells)):
        advice = "" if stated else "; if it holds classes, say --task classification"
        raise DataError(f"{rows.where}: the label {label!r} {_told(found, cells)}{advice}")


def some(found: Sequence[int]) -> str:
    """Write the first of some row numbers, and how many more there are."""
    more = f" and {len(found) - NAMED_ROWS} more" if len(found) > NAMED_ROWS else ""
    return ", ".join(map(str, found[:NAMED_ROWS])) + more


def _told(found: Sequence[int], cells: Sequence[str]) -> str:
    first = shorten(cells[found[0]])
    return (
        f"is not a number in {len(found)} of {len(cells)} rows (counted from 0, without the header): "
        f"{some(found)}; the first holds {first!r}"
    )
