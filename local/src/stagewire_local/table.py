"""Draws what runs as a table: once for a file or a pipe, again and again in a terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from stagewire_local import report

if TYPE_CHECKING:
    from collections.abc import Sequence

# Those of the endpoint, the variant and the instance, then the container's.
SHARED = ("endpoint", "state", "requests", "errors", "variant", "instance")
OWN = ("container", "image", "address", "health", "restarts")
WIDE = 10_000  # a file or a pipe has no width; a cut word could not be searched for
REFRESH_SECONDS = 1.0  # often enough to watch, rare enough to read
STYLES = {"healthy": "green", "InService": "green", "starting": "yellow", "Failed": "bold red"}


def show(found: dict[str, Any]) -> None:
    """Print the table once."""
    console = Console()
    if not sys.stdout.isatty():
        console.width = WIDE
    console.print(drawn(found, console=console, terse=sys.stdout.isatty()))


def watch(port: int) -> None:
    """Draw the table anew each second, until Ctrl-C. Raises ClickException without a door."""
    found = report.needed(port)
    try:
        with Live(auto_refresh=False) as live:
            while True:
                live.update(drawn(found, console=live.console, terse=True), refresh=True)
                time.sleep(REFRESH_SECONDS)
                found = report.needed(port)
    except KeyboardInterrupt:
        return


def drawn(found: dict[str, Any], *, console: Console, terse: bool) -> Group:
    """Draw a line a container; `terse` leaves out what the line above says already.

    Requests and errors are the endpoint's, whose reason for a failure stands below. Where a line
    is too long for the console, what containers share stands above them instead.
    """
    endpoints = found["endpoints"]
    if not endpoints:
        return Group("The door is open, with no endpoint yet.")
    table = tabled(endpoints, terse=terse)
    fits = console.measure(table, options=console.options.update(width=WIDE)).maximum
    parts = [table] if fits <= console.width else stacked(endpoints)
    reasons = [
        Text(f"{endpoint['name']}: {endpoint['failure_reason']}")
        for endpoint in endpoints
        if endpoint["failure_reason"]
    ]
    return Group(*parts, *reasons)


def tabled(endpoints: Sequence[dict[str, Any]], *, terse: bool) -> Table:
    """Draw one table with a heading."""
    table = Table(*SHARED, *OWN, box=None)
    for endpoint in endpoints:
        above: Sequence[str] = ()
        for row in rows(endpoint):
            table.add_row(*(styled(cell) for cell in (less(row, above) if terse else row)))
            above = row
    return table


def stacked(endpoints: Sequence[dict[str, Any]]) -> list[Text | Padding]:
    """Draw a line for an endpoint, and a small table for each of its instances."""
    parts: list[Text | Padding] = []
    for endpoint in endpoints:
        parts.append(
            Text.assemble(
                (endpoint["name"], "bold"),
                "  ",
                styled(endpoint["state"]),
                f"  requests {endpoint['requests']}  errors {endpoint['errors']}",
            )
        )
        instances = [
            (each["name"], one) for each in endpoint["variants"] for one in each["instances"]
        ]
        for variant, instance in instances:
            if len(instances) > 1:
                parts.append(Text(f"  {variant}  {instance['id']}"))
            parts.append(small(instance["containers"]))
    return parts


def small(containers: Sequence[dict[str, Any]]) -> Padding:
    """Draw the containers of an instance; a long word goes on in the next line."""
    table = Table.grid(*(Column(overflow="fold") for _ in OWN), padding=(0, 2, 0, 0))
    for container in containers:
        *most, restarts = cells(container)
        table.add_row(*(styled(cell) for cell in most), f"restarts {restarts}")
    return Padding(table, (0, 0, 0, 2), expand=False)


def rows(endpoint: dict[str, Any]) -> list[list[str]]:
    """Write the containers of an endpoint as cells; without any there is one line all the same."""
    whole = [str(endpoint[name]) for name in ("name", "state", "requests", "errors")]
    found = [
        [*whole, variant["name"], instance["id"], *cells(container)]
        for variant in endpoint["variants"]
        for instance in variant["instances"]
        for container in instance["containers"]
    ]
    return found or [whole]


def cells(container: dict[str, Any]) -> list[str]:
    """Write what is a container's own."""
    address = (container["url"] or "-").removeprefix("http://")
    health = "healthy" if container["healthy"] else container["trouble"] or "starting"
    return [
        container["hostname"],
        container["image"],
        address,
        health,
        str(container["restarts"]),
    ]


def less(row: Sequence[str], above: Sequence[str]) -> list[str]:
    """Leave out the leading cells that are those of the line above."""
    same = 0
    while same < min(len(SHARED), len(above)) and row[same] == above[same]:
        same += 1
    return [""] * same + list(row[same:])


def styled(cell: str) -> Text:
    """Colour the words that tell how it goes; nothing in a cell is markup."""
    return Text(cell, style=STYLES.get(cell, ""))
