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
    """Return the file that holds a request of so many rows."""
    file = BUILD / "bodies" / f"{rows}.{form}"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_FORMS[form](rows))
    return file


@cache
def _lines() -> list[str]:
    return [line.rpartition(",")[0] for line in DATA.read_text().splitlines()[1:]]


def _repeated(rows: int) -> list[str]:
    lines = _lines()
    return (lines * (rows // len(lines) + 1))[:rows]


def _csv(rows: int) -> str:
    return "\n".join(_repeated(rows))


def _json(rows: int) -> str:
    """Write rows as lists, the form that a framework that speaks JSON takes in its documentation."""
    cells = (line.split(",") for line in _repeated(rows))
    return json.dumps({"input": [[row[0], *map(float, row[1:])] for row in cells]})


_FORMS: Final = {"csv": _csv, "json": _json}
