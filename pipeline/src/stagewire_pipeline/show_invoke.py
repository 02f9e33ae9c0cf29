"""What `stagewire invoke` shows of a file that is more than one request: on stderr, live in a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from rich.console import Console


@dataclass
class Done:
    """How far it has come: rows answered, bytes read, bytes written."""

    rows: int = 0
    read: int = 0
    written: int = 0


@contextmanager
def bar(console: Console, *, total: int | None, quiet: bool) -> Generator[Callable[[Done], None]]:
    """Hand out what is told of each chunk; a bar in a terminal that shows no answers, else nothing."""
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TextColumn("{task.fields[rate]:,.0f} rows/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    shown = console.is_terminal and not quiet
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        task = progress.add_task("", total=total, rows=0, rate=0.0)

        def tell(done: Done) -> None:
            elapsed = progress.tasks[0].elapsed or 0.0
            rate = done.rows / elapsed if elapsed else 0.0
            progress.update(task, completed=done.read, rows=done.rows, rate=rate)

        yield tell


def whole(console: Console, done: Done, *, seconds: float) -> None:
    """Say what came of it."""
    rate = done.rows / max(seconds, 1e-9)
    told = f"{done.rows:,} rows in {seconds:,.1f} s, {rate:,.0f} rows/s"
    console.print(Text(told), soft_wrap=True)


def partial(console: Console, done: Done, name: str) -> None:
    """Say what was written before it came to an end; nothing where nothing was."""
    if done.written:
        told = f"{name} has the complete answers to the first {done.rows:,} rows, and no others."
        console.print(Text(told), soft_wrap=True)
