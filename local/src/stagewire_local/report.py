"""Asks a door what runs, and says it in the lines that `up` prints when it is ready."""

from __future__ import annotations

import json
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagewire_local.registry import Endpoint


def announce(endpoints: Sequence[Endpoint], *, host: str, port: int) -> None:
    """Print where the endpoints and each container answer, and a line to copy."""
    base = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 (only named)
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


def needed(port: int) -> dict[str, Any]:
    """Ask the same of a door that has to be there. Raises ClickException."""
    found = fetch(port)
    if found is None:
        message = f"no door answers on 127.0.0.1:{port}; start one with: stagewire local up"
        raise click.ClickException(message)
    return found


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
