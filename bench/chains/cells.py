"""What is measured: numbers of rows and of clients, and for how long each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, order=True)
class Cell:
    """Requests with `rows` rows each, by `clients` clients at once."""

    rows: int
    clients: int

    @property
    def name(self) -> str:
        """The cell as it is written on the command line and in the results."""
        return f"{self.rows}x{self.clients}"

    @property
    def seconds(self) -> float:
        """How long one measurement takes: long enough for the slowest to answer each client once."""
        if self.rows < 1_000:  # noqa: PLR2004 (small requests)
            return 2.0
        return {1: 2.0, 8: 3.0}.get(self.clients, 4.0) * (1 if self.rows == 1_000 else 2)  # noqa: PLR2004


def cell(name: str) -> Cell:
    """Read a cell's name, "ROWSxCLIENTS"."""
    rows, _, clients = name.partition("x")
    return Cell(int(rows), int(clients))


# Work that grows, one client or one row: no cliff may show on the log-log plot.
GROWTH: Final = tuple(
    Cell(rows, 1) for rows in (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
)
CROWD: Final = tuple(Cell(1, clients) for clients in (1, 2, 4, 8, 16, 32, 64, 128, 256))
LARGE_CROWD: Final = tuple(Cell(10_000, clients) for clients in (1, 2, 4, 8, 16, 32, 64))
HEADLINE: Final = (Cell(1, 1), Cell(1, 64), Cell(1_000, 1), Cell(1_000, 64))
BATCHES: Final = (1, 10, 100, 1_000, 10_000)
CLIENTS: Final = (1, 8, 64)
MATRIX: Final = tuple(Cell(rows, clients) for rows in BATCHES for clients in CLIENTS)
