"""Starts and stops a door for the command line: in the foreground, in the background, and down."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stagewire_local import report
from stagewire_local.bounded import Bounded
from stagewire_local.chain import HopAccept
from stagewire_local.door import DRAIN_SECONDS, Door, PortTakenError, listen
from stagewire_local.driver import EngineError
from stagewire_local.faults import ControlFault
from stagewire_local.limits import Limits
from stagewire_local.state import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagewire_local.bundle import Bundle
    from stagewire_local.registry import Endpoint
    from stagewire_local.state import Home

# Requests in flight, then the containers, each at most 30 s, and a little.
STOP_SECONDS = 2 * DRAIN_SECONDS + 5
POLL_SECONDS = 0.1  # between two looks at a door that starts or stops


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Everything that `up` was asked for."""

    bundles: tuple[Bundle, ...]
    home: Home
    environ: Mapping[str, str]
    host: str
    port: int
    hop_accept: str
    start_seconds: float
    region: str
    driver: str
    log: str | None = None  # of a door in the background; its standard error otherwise


def foreground(plan: Launch) -> None:
    """Run the door in this process until Ctrl-C or SIGTERM. Raises ClickException."""
    handler = Bounded(Path(plan.log)) if plan.log else logging.StreamHandler(sys.stderr)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    door = Door(
        bundles=plan.bundles,
        root=plan.home.root(plan.port),
        environ=plan.environ,
        limits=Limits(start_seconds=plan.start_seconds),
        hop_accept=HopAccept(plan.hop_accept),
        region=plan.region,
        driver=plan.driver,
    )

    def ready(endpoints: Sequence[Endpoint]) -> None:
        told = [endpoint.status() for endpoint in endpoints]
        report.announce(told, host=plan.host, port=plan.port)

    try:
        with listen(plan.host, plan.port) as listener, Claim(plan.home, plan.port):
            good = door.run(listener, ready=ready)
    except PortTakenError as error:
        raise click.ClickException(f"{error}{hint(plan)}") from error
    except (EngineError, ControlFault) as error:
        raise click.ClickException(str(error)) from error
    except BlockingIOError as error:
        raise click.ClickException(
            f"a door for port {plan.port} is running already{hint(plan)}"
        ) from error
    except OSError as error:
        raise click.ClickException(
            f"cannot use {plan.home.path} ({error.strerror}); set STAGEWIRE_HOME to a folder "
            "that can be written"
        ) from error
    if not good:
        raise click.ClickException("an endpoint Failed; the reason is above")


def hint(plan: Launch) -> str:
    """Suggest what to do when a port is taken."""
    if plan.home.pid(plan.port) is not None:
        return f"; stop it with: stagewire local down --port {plan.port}"
    return "; choose another one with --port"


def background(plan: Launch, *, arguments: Sequence[str]) -> None:
    """Run the door in a process of its own; return when it is ready. Raises ClickException."""
    if plan.home.pid(plan.port) is not None:
        raise click.ClickException(f"a door for port {plan.port} is running already{hint(plan)}")
    path = plan.home.log(plan.port)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text("")
        with path.open("a") as log:  # two append to it
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "stagewire_local", "up", *arguments, f"--log={path}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(plan.environ),
                start_new_session=True,
            )
    except OSError as error:
        raise click.ClickException(
            f"cannot write {path} ({error.strerror}); set STAGEWIRE_HOME to a folder that can be written"
        ) from error
    try:
        endpoints = awaited(plan, process, log=path)
    except KeyboardInterrupt:
        process.terminate()  # Ctrl-C does not reach a session of its own
        raise
    report.announce(endpoints, host=plan.host, port=plan.port)
    click.echo(f"It runs in the background; log: {path}")
    click.echo(f"Stop it with: stagewire local down --port {plan.port}")


def awaited(
    plan: Launch, process: subprocess.Popen[bytes], *, log: Path
) -> Sequence[dict[str, Any]]:
    """Show a door's log until it is ready; return its endpoints. Raises ClickException."""
    with log.open(encoding="utf-8", errors="replace") as lines:  # a line may be half written
        while True:
            new = lines.read()  # what is written once it is ready is not shown twice
            endpoints = ready(plan, process.pid)
            if endpoints is not None:
                return endpoints
            click.echo(new, err=True, nl=False)
            if process.poll() is not None:
                click.echo(lines.read(), err=True, nl=False)
                raise click.ClickException(
                    f"the door did not start; the reason is above, and in {log}"
                )
            time.sleep(POLL_SECONDS)


def ready(plan: Launch, pid: int) -> Sequence[dict[str, Any]] | None:
    """Return the endpoints that were asked for, once the door of this process has them in service."""
    found = report.fetch(plan.port, host=plan.host) or {}
    endpoints = {endpoint["name"]: endpoint for endpoint in found.get("endpoints", [])}
    own = [endpoints.get(bundle.name, {}) for bundle in plan.bundles]
    in_service = all(endpoint.get("state") == "InService" for endpoint in own)
    return own if found.get("pid") == pid and in_service else None


def stop(home: Home, port: int) -> None:
    """Stop the door at a port and wait until it is gone. Raises ClickException."""
    pid = home.pid(port)
    if pid is None:
        raise click.ClickException(f"no door of yours runs on port {port}")
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while home.pid(port) == pid:
        if time.monotonic() > deadline:
            raise click.ClickException(f"the door (process {pid}) did not stop in {STOP_SECONDS} s")
        time.sleep(POLL_SECONDS)
    click.echo(f"The door on port {port} is closed.")
