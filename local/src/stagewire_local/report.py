"""Asks a door what runs, and says it in the lines that `up` prints when it is ready."""

from __future__ import annotations

import json
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

import click

from stagewire_local.driver import Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def announce(endpoints: Sequence[dict[str, Any]], *, host: str, port: int) -> None:
    """Print where the endpoints and each container answer, and a line to copy."""
    base = Address.near(host, port).url
    for endpoint in endpoints:
        name = endpoint["name"]
        click.echo(f"{name} is InService at {base}/endpoints/{name}/invocations")
        for container in containers(endpoint):
            click.echo(
                f"  {container['hostname']}  {container['image']}  {container['url'] or '?'}"
            )
    if len(endpoints) == 1:
        click.echo("Send it rows:")
        click.echo(
            f"  curl -s {base}/invocations -H 'Content-Type: text/csv' --data-binary @ROWS.csv"
        )
    elif not endpoints:
        click.echo(f"The door is open at {base}, with no endpoint yet.")


def containers(endpoint: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Walk the containers of all instances of an endpoint, as the door tells of it."""
    for variant in endpoint["variants"]:
        for instance in variant["instances"]:
            yield from instance["containers"]


def fetch(port: int, *, host: str = "127.0.0.1") -> dict[str, Any] | None:
    """Ask the door at a port what it has; None when none answers there."""
    status, found = asked(port, "/_stagewire/status", host=host)
    return found if status == HTTPStatus.OK and "endpoints" in found else None


def needed(port: int) -> dict[str, Any]:
    """Ask the same of a door that has to be there. Raises ClickException."""
    found = fetch(port)
    if found is None:
        raise click.ClickException(
            f"no door answers on 127.0.0.1:{port}; start one with: stagewire local up"
        )
    return found


def asked(port: int, path: str, *, host: str = "127.0.0.1") -> tuple[int, dict[str, Any]]:
    """Read a JSON object from the door at a port; status 0 when none answers there."""
    connection = HTTPConnection(Address.near(host, port).host, port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        found: Any = json.loads(response.read())
    except (OSError, HTTPException, ValueError):
        return 0, {}
    finally:
        connection.close()
    return response.status, found if isinstance(found, dict) else {}
