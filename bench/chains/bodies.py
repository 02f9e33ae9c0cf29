"""The rows that are sent: the data's own, without header and label, repeated where there are too few."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Final

from chains.places import BUILD, DATA

if TYPE_CHECKING:
    from pathlib import Path

# Of a request in each of the forms that contenders speak.
TYPES: Final = {"csv": "text/csv", "json": "application/json"}


def path(form: str, rows: int) -> Path:
    """Return the file that holds a request with that many rows."""
    file = BUILD / "bodies" / f"{rows}.{form}"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_FORMS[form](rows))
    return file


def lines(rows: int, data: Path = DATA) -> list[str]:
    """Return that many rows of a file with a header and the label last, over and over."""
    own = _lines(data)
    return (own * (rows // len(own) + 1))[:rows]


@cache
def _lines(data: Path) -> list[str]:
    return [line.rpartition(",")[0] for line in data.read_text().splitlines()[1:]]


def _csv(rows: int) -> str:
    return "\n".join(lines(rows))


def _json(rows: int) -> str:
    """Write rows as lists, the form that a framework that speaks JSON takes in its documentation."""
    cells = (line.split(",") for line in lines(rows))
    return json.dumps({"input": [[row[0], *map(float, row[1:])] for row in cells]})


_FORMS: Final = {"csv": _csv, "json": _json}
