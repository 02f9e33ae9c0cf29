"""The rows to train on, with everything that can be wrong about them said before training starts."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from stagewire.training import TrainingError, read_csv, write_csv
from stagewire_pipeline.errors import DataError
from stagewire_pipeline.kinds import some
from stagewire_pipeline.split import FEWEST

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from stagewire.training import Channel

# What other programs write instead of commas.
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class Dataset:
    """A CSV file's cells as text, and which column is the label."""

    rows: Channel
    label: str

    @property
    def features(self) -> tuple[str, ...]:
        """The names of all columns but the label."""
        return tuple(name for name in self.rows.names if name != self.label)

    def write(self, path: Path, rows: NDArray[np.int64]) -> None:
        """Write some rows, all columns, cells as they were."""
        names = self.rows.names
        write_csv(path, names, [self.rows.texts(name)[rows] for name in names])


def read(path: Path, *, label: str | None, named: Iterable[str] = ()) -> Dataset:
    """Read a CSV file with a header; the label is the last column unless named.

    `named` are further columns that must be there.

    Raises:
        DataError: no such file, no CSV in UTF-8, no rows, no such column, a doubled name, a
            missing label.

    """
    rows = _rows(path)
    for name in (*([label] if label else []), *named):
        if name not in rows.names:
            raise DataError(_absent(path, name, rows.names))
    found = Dataset(rows, label or rows.names[-1])
    if not found.features:
        raise DataError(f"{path} has one column; features and a label are needed")
    if rows.rows < FEWEST:
        raise DataError(f"{path} has {rows.rows} rows; at least {FEWEST} are needed to split them")
    _check_label(path, found)
    return found


def _rows(path: Path) -> Channel:
    if not path.exists():
        raise DataError(f"there is no file {path}")
    if not path.is_file():
        raise DataError(f"{path} is not a file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    if not content.strip():
        raise DataError(f"{path} is empty")
    _check_text(path, content)
    lines = content.splitlines()
    if not any(line.strip() for line in lines[1:]):
        raise DataError(f"{path} holds a header and no rows")
    try:
        return read_csv(path)
    except TrainingError as error:
        raise DataError(str(error)) from None


def _check_text(path: Path, content: bytes) -> None:
    """Refuse what spreadsheets write in place of UTF-8 and commas, in a person's words."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"byte {content[error.start]:#04x} in line {line}"
        raise DataError(f"{path} is not UTF-8 ({byte}): save it as UTF-8") from None
    first = text.split("\n", 1)[0]
    found = next((word for mark, word in SEPARATORS.items() if mark in first), None)
    if found and "," not in first:
        raise DataError(f"{path} has {found} between its columns: save it with commas")


def _absent(path: Path, name: str, names: tuple[str, ...]) -> str:
    folded = {each.casefold(): each for each in names}
    close = get_close_matches(name.casefold(), folded, n=1)
    hint = f" Did you mean {folded[close[0]]!r}?" if close else ""
    return f"{path} has no column {name!r}; it has: {', '.join(names)}.{hint}"


def _check_label(path: Path, data: Dataset) -> None:
    cells = data.rows.cells(data.label)
    missing = [i for i, cell in enumerate(cells) if not cell.strip()]
    if missing:
        raise DataError(
            f"{path}: the label {data.label!r} is missing in {len(missing)} rows "
            f"(counted from 0, without the header): {some(missing)}"
        )
