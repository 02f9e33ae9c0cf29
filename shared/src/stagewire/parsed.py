"""What a codec reads from a body, before it is checked against the schema: columns as written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from stagewire.errors import Malformed, RowError
from stagewire.limits import BROKEN_ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagewire.request import Origin
    from stagewire.table import Role

Kind: TypeAlias = Literal["text", "json", "numpy", "arrow", "values"]

# Marks a cell that a JSON object does not have, apart from one that is null.
ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "ABSENT"})()


@dataclass(frozen=True, slots=True)
class Parsed:
    """Columns as the body has them.

    `names` is None when columns go by position; `kind` says what the cells are (`values` are float64
    and objects already, with NaN and None for missing); `errors` are rows
    that could not even be read as rows, whose cells are blanks; `roles` and `parameters` are what
    a previous stage sent along.
    """

    origin: Origin
    kind: Kind
    columns: Sequence[Any]
    rows: int
    names: tuple[str, ...] | None = None
    errors: tuple[RowError, ...] = ()
    roles: tuple[Role, ...] | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    block: Any = None


def columns_of(
    rows: Sequence[Sequence[Any]], widths: tuple[int, ...], *, blank: Any, unit: str = "columns"
) -> tuple[list[Sequence[Any]], tuple[RowError, ...]]:
    """Turn rows into columns of `min(widths)` cells; rows of no allowed width become blank errors.

    A row one cell longer than the narrowest width carries its label last, which nobody needs here.

    Raises:
        Malformed: there are no rows, or too many are broken.

    """
    if not rows:
        raise Malformed("the body holds no rows")
    width, allowed = min(widths), frozenset(widths)
    errors: list[RowError] = []
    kept: list[Sequence[Any]] = []
    for number, row in enumerate(rows):
        if len(row) in allowed:
            kept.append(row)
        else:
            wanted = " or ".join(str(w) for w in sorted(allowed))
            has = f"{len(row)} {unit if len(row) != 1 else unit[:-1]}"
            reason = f"the row has {has} where {wanted} are expected"
            errors.append(RowError(number, None, None, reason))
            kept.append([blank] * width)
            refuse_broken(errors)
    cut = [row[:width] for row in kept] if len(allowed) > 1 else kept
    return list(zip(*cut, strict=True)), tuple(errors)


def refuse_broken(errors: Sequence[RowError]) -> None:
    """Stop when too many rows of a body are broken.

    Raises:
        Malformed: there are too many to keep an error of each.

    """
    if len(errors) > BROKEN_ROWS:
        raise Malformed(
            f"more than {BROKEN_ROWS} rows are broken, the first of them so: {errors[0]}"
        )
