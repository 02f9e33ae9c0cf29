"""Prints what the containers of an endpoint write: the last lines, and those that come."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from stagewire_local import report
from stagewire_local.logs import PATH

if TYPE_CHECKING:
    from collections.abc import Sequence

# The door keeps 200 lines a container; a stage that writes fewer than 400 a second loses none.
FOLLOW_SECONDS = 0.5


def show(
    port: int, *, endpoint: str, container: str | None, last: int | None, follow: bool
) -> None:
    """Print the last lines of containers, then what they write until Ctrl-C if it is to follow.

    Raises ClickException for a door, an endpoint or a container that is not there.
    """
    seen = {named(each): each for each in asked(port, endpoint, container)}
    for name, each in seen.items():
        lines = each["lines"]
        echo(name, lines if last is None else lines[max(0, len(lines) - last) :])
    try:
        while follow:
            time.sleep(FOLLOW_SECONDS)
            for each in asked(port, endpoint, container):
                name = named(each)
                echo(name, since(seen.get(name), each))
                seen[name] = each
    except KeyboardInterrupt:
        return


def asked(port: int, endpoint: str, container: str | None) -> list[dict[str, Any]]:
    """Ask the door for what containers wrote. Raises ClickException."""
    status, found = report.asked(port, f"{PATH}{quote(endpoint, safe='')}")
    if status != HTTPStatus.OK:
        raise click.ClickException(found.get("Message", f"no door answers on 127.0.0.1:{port}"))
    chosen = [each for each in found["containers"] if container in {None, each["hostname"]}]
    if not chosen and container is not None:
        known = ", ".join(sorted({each["hostname"] for each in found["containers"]}))
        raise click.ClickException(
            f"endpoint '{endpoint}' has no container '{container}' (it has: {known})"
        )
    return chosen


def since(before: dict[str, Any] | None, now: dict[str, Any]) -> Sequence[str]:
    """Return what a container wrote since it was asked before; a new life has a log of its own."""
    lines: Sequence[str] = now["lines"]
    if before is None:
        return lines
    if now["life"] is None:  # between two of them
        now["life"] = before["life"]
    return added(before["lines"], lines) if now["life"] == before["life"] else lines


def added(before: Sequence[str], now: Sequence[str]) -> Sequence[str]:
    """Return the lines that came, where both are the last of one log.

    They overlap: the end of the one is the beginning of the other, by as much as can be.
    """
    for start in range(len(before)):
        common = len(before) - start
        if list(before[start:]) == list(now[:common]):
            return now[common:]
    return now


def named(found: dict[str, Any]) -> str:
    """Name a container in front of its lines."""
    return f"{found['instance']}/{found['hostname']}"


def echo(name: str, lines: Sequence[str]) -> None:
    """Print lines, each with its container."""
    for line in lines:
        click.echo(f"{name} | {line}")
