"""What `stagewire bench` shows: one line a number of rows and clients."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.progress import Progress
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from rich.console import Console

    from stagewire_pipeline.load import Cell

# Beyond this share of a core the client may be what limits.
BUSY = 0.7
HEAD = ("rows", "clients", "p50 ms", "p99 ms", "requests/s", "rows/s", "errors", "client CPU")
NOTE = f"* the client itself took over {BUSY:.0%} of a core: the endpoint may be faster than shown"
# A screen's worth of different errors.
ERRORS = 5


@contextmanager
def measuring(console: Console, *, total: int) -> Generator[Callable[[Cell], None]]:
    """Hand out what is told of each measurement; a bar in a terminal, else nothing."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("measuring", total=total)
        yield lambda cell: progress.update(
            task, advance=1, description=f"{cell.rows} rows, {cell.clients} clients"
        )


def figures(cell: Cell) -> dict[str, Any]:
    """Return one measurement as JSON has it; latencies are null where nothing was answered."""
    return {
        "rows": cell.rows,
        "clients": cell.clients,
        "p50_ms": cell.milliseconds(0.5),
        "p99_ms": cell.milliseconds(0.99),
        "requests_per_second": cell.rate,
        "rows_per_second": cell.rate * cell.rows,
        "requests": len(cell.took),
        "errors": dict(cell.errors),
        "client_cpu": cell.cpu / cell.seconds,
    }


def table(console: Console, cells: Sequence[Cell]) -> None:
    """Show all measurements, and what the errors were."""
    shown = Table(box=None)
    for name in HEAD:
        shown.add_column(name, justify="right")
    for cell in cells:
        share = cell.cpu / cell.seconds
        shown.add_row(
            f"{cell.rows:,}",
            f"{cell.clients:,}",
            latency(cell.milliseconds(0.5)),
            latency(cell.milliseconds(0.99)),
            f"{cell.rate:,.0f}",
            f"{cell.rate * cell.rows:,.0f}",
            f"{cell.errors.total():,}",
            f"{share:.0%}{'*' if share > BUSY else ' '}",
        )
    console.print(shown)
    if any(cell.cpu / cell.seconds > BUSY for cell in cells):
        console.print(NOTE, soft_wrap=True)
    for cell in cells:
        for error, count in cell.errors.most_common(ERRORS):
            told = f"{cell.rows:,} rows, {cell.clients:,} clients, {count:,} times: {error}"
            console.print(Text(told), soft_wrap=True)


def latency(milliseconds: float | None) -> str:
    """Write a latency to three figures or so."""
    return "-" if milliseconds is None else f"{milliseconds:,.{2 if milliseconds < 100 else 0}f}"  # noqa: PLR2004
