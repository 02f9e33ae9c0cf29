"""Says what runs: the lines that `up` prints when it is ready, and the table of `status`."""

from __future__ import annotations

import json
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from stagewire_local.logs import PATH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagewire_local.registry import Endpoint

COLUMNS = ("endpoint", "state", "variant", "instance", "container", "image", "address", "health")
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
    status, found = asked(port, "/_stagewire/status")
    return found if status == HTTPStatus.OK and "endpoints" in found else None


def asked(port: int, path: str) -> tuple[int, dict[str, Any]]:
    """Read a JSON object from the door at a port; status 0 when none answers there."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        found: Any = json.loads(response.read())
    except (OSError, HTTPException, ValueError):
        return 0, {}
    finally:
        connection.close()
    return response.status, found if isinstance(found, dict) else {}


def lines(port: int, *, endpoint: str, container: str | None) -> None:
    """Print what containers wrote, each line with its container. Raises ClickException."""
    status, found = asked(port, f"{PATH}{endpoint}")
    if status != HTTPStatus.OK:
        message = found.get("Message", f"no door answers on 127.0.0.1:{port}")
        raise click.ClickException(message)
    chosen = [each for each in found["containers"] if container in {None, each["hostname"]}]
    if not chosen:
        known = ", ".join(sorted({each["hostname"] for each in found["containers"]}))
        message = f"endpoint '{endpoint}' has no container '{container}' (it has: {known})"
        raise click.ClickException(message)
    for each in chosen:
        for line in each["lines"]:
            click.echo(f"{each['instance']}/{each['hostname']} | {line}")


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
            *(endpoint["name"], endpoint["state"], variant["name"], instance["id"]),
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
