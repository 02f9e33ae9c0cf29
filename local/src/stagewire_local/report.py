"""Says what runs: the lines that `up` prints when it is ready, and the table of `status`."""

from __future__ import annotations

import json
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagewire_local.registry import Endpoint

COLUMNS = ("endpoint", "state", "instance", "container", "image", "address", "health")
WIDE = 200  # a file or a pipe has no width; a cut word could not be searched for
COUNTS = ("restarts", "requests", "errors")


def announce(endpoints: Sequence[Endpoint], *, host: str, port: int) -> None:
    """Print where the endpoints and each container answer, and a line to copy."""
    base = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 -- only named
    for endpoint in endpoints:
        click.echo(f"{endpoint.name} is InService at {base}/endpoints/{endpoint.name}/invocations")
        for container in endpoint.containers():
            url = container.address.url if container.address else "?"
            click.echo(f"  {container.spec.hostname}  {container.spec.image}  {url}")
    if len(endpoints) == 1:
        click.echo("Send it rows:")
        click.echo(
            f"  curl -s {base}/invocations -H 'Content-Type: text/csv' --data-binary @ROWS.csv"
        )
    elif not endpoints:
        click.echo(f"The door is open at {base}, with no endpoint yet.")


def fetch(port: int) -> dict[str, Any] | None:
    """Ask the door at a port what it has; None when none answers there."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_stagewire/status")
        response = connection.getresponse()
        found: Any = json.loads(response.read())
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return found if response.status == HTTPStatus.OK and "endpoints" in found else None


def show(found: dict[str, Any]) -> None:
    """Print the table, a line a container."""
    table = Table(*COLUMNS, *COUNTS, box=None)
    for endpoint in found["endpoints"]:
        for row in rows(endpoint):
            table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console.width = WIDE
    console.print(table if found["endpoints"] else "The door is open, with no endpoint yet.")
    for endpoint in found["endpoints"]:
        if endpoint["failure_reason"]:
            console.print(f"{endpoint['name']}: {endpoint['failure_reason']}", markup=False)


def rows(endpoint: dict[str, Any]) -> list[list[str]]:
    """Write the containers of an endpoint as cells."""
    counts = [str(endpoint["requests"]), str(endpoint["errors"])]
    return [
        [
            *(endpoint["name"], endpoint["state"], instance["id"]),
            *(
                container["hostname"],
                container["image"],
                (container["url"] or "-").removeprefix("http://"),
            ),
            "healthy" if container["healthy"] else container["trouble"] or "starting",
            *(str(container["restarts"]), *counts),
        ]
        for variant in endpoint["variants"]
        for instance in variant["instances"]
        for container in instance["containers"]
    ]
