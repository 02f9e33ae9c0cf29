"""The commands `stagewire local up|down|status|logs|run|env`: SageMaker on this machine."""

from __future__ import annotations

import json
import os
import shlex
import sys
from typing import TYPE_CHECKING

import click

from stagewire_local.bundle import Bundle, BundleError, connected, served
from stagewire_local.state import Home

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRON = "stagewire_local.environ"  # read once; the program around us may use `obj`
LOOPBACK = ("127.0.0.1", "localhost")
PORT = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8080,
    show_default=True,
    help="Port of the door on this machine.",
)


@click.group()
@click.pass_context
def local(context: click.Context) -> None:
    """Run SageMaker endpoints on this machine."""
    context.meta.setdefault(ENVIRON, dict(os.environ))


@local.command()
@click.option(
    "--serve", multiple=True, metavar="NAME=a.tar.gz,b.tar.gz", help="Create this endpoint."
)
@click.option(
    "--connect",
    multiple=True,
    metavar="NAME=URL,URL",
    help="Create this endpoint from containers that run already.",
)
@PORT
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; others than this only with --connect.",
)
@click.option("--detach", is_flag=True, help="Run in the background.")
@click.option(
    "--env", "pairs", multiple=True, metavar="KEY=VALUE", help="Set this in every container."
)
@click.option(
    "--hop-accept",
    type=click.Choice(["absent", "*/*", "application/json"]),
    default="absent",
    show_default=True,
    help="Accept header that all containers but the last get.",
)
@click.option(
    "--start-seconds",
    type=click.FloatRange(1, 3600),
    default=480.0,
    show_default=True,
    help="Time a container may take to pass /ping.",
)
@click.option(
    "--driver",
    type=click.Choice(["process", "docker"]),
    default="process",
    show_default=True,
    help="What runs the containers: installed stages as processes, or any image in Docker.",
)
@click.option(
    "--region",
    default="us-east-1",
    show_default=True,
    help="AWS region to stand for: in ARNs, errors and the environment of `local run`.",
)
@click.option("--log", hidden=True)  # for the process that --detach starts
@click.pass_context
def up(  # noqa: PLR0913 (click passes one argument an option)
    context: click.Context,
    *,
    serve: tuple[str, ...],
    connect: tuple[str, ...],
    port: int,
    host: str,
    detach: bool,
    pairs: tuple[str, ...],
    hop_accept: str,
    start_seconds: float,
    region: str,
    driver: str,
    log: str | None,
) -> None:
    """Start the door, SageMaker on this machine, and endpoints for --serve and --connect."""
    # `stagewire --help` loads this module and needs neither httptools nor uvicorn.
    from stagewire_local import launch

    if host not in LOOPBACK and (serve or not connect):
        raise click.UsageError(
            f"--host {host} is for --connect only: what is served here listens on 127.0.0.1"
        )
    environ = environment(context)
    plan = launch.Launch(
        bundles=tuple(bundles(serve, connect, environment=parsed(pairs))),
        home=Home.of(environ),
        environ=environ,
        host=host,
        port=port,
        hop_accept=hop_accept,
        start_seconds=start_seconds,
        region=region,
        driver=driver,
        log=log,
    )
    if detach:
        launch.background(plan, arguments=again(context))
    else:
        launch.foreground(plan)


@local.command()
@PORT
@click.pass_context
def down(context: click.Context, *, port: int) -> None:
    """Stop the door at a port, and everything it started."""
    from stagewire_local import launch

    launch.stop(Home.of(environment(context)), port)


@local.command()
@PORT
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON.")
@click.option("--once", is_flag=True, help="Print the table once, even in a terminal.")
def status(*, port: int, as_json: bool, once: bool) -> None:
    """Show endpoints and their containers, health and requests; live in a terminal."""
    from stagewire_local import report, table

    if as_json:
        click.echo(json.dumps(report.needed(port), indent=2))
    elif once or not sys.stdout.isatty():
        table.show(report.needed(port))
    else:
        table.watch(port)


@local.command()
@click.argument("endpoint")
@click.option("--container", help="Only the lines of the container with this hostname.")
@click.option("-n", "--lines", type=click.IntRange(0), help="At most this many lines.")
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines until Ctrl-C.")
@PORT
def logs(
    *, endpoint: str, container: str | None, lines: int | None, follow: bool, port: int
) -> None:
    """Print the last lines (at most 200) of an endpoint's containers."""
    from stagewire_local import written

    written.show(port, endpoint=endpoint, container=container, last=lines, follow=follow)


@local.command(context_settings={"ignore_unknown_options": True})
@PORT
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD")
@click.pass_context
def run(context: click.Context, *, port: int, words: tuple[str, ...]) -> None:
    """Run a program against this machine instead of AWS."""
    from stagewire_local.program import merged

    environ = environment(context)
    try:
        # The program takes this one's place, and with it all signals and the exit code.
        os.execvpe(words[0], words, merged(environ, needed(environ, port=port)))  # noqa: S606 (the user's own command)
    except OSError as error:
        raise click.ClickException(f"cannot run {words[0]}: {error.strerror}") from error


@local.command()
@PORT
@click.pass_context
def env(context: click.Context, *, port: int) -> None:
    """Print what `run` sets, for a shell: eval "$(stagewire local env)"."""
    for key, value in needed(environment(context), port=port).items():
        click.echo(f"unset {key}" if value is None else f"export {key}={shlex.quote(value)}")


def needed(environ: Mapping[str, str], *, port: int) -> dict[str, str | None]:
    """Ask the door at a port what a program needs. Raises ClickException without one."""
    from stagewire_local import report
    from stagewire_local.program import variables

    return variables(environ, port=port, region=report.needed(port)["region"])


def environment(context: click.Context) -> Mapping[str, str]:
    """Return the environment that was read once, when the program started."""
    found: Mapping[str, str] = context.meta[ENVIRON]
    return found


def bundles(
    serve: tuple[str, ...], connect: tuple[str, ...], *, environment: Mapping[str, str]
) -> list[Bundle]:
    """Read what to serve. Raises ClickException for what cannot be."""
    from stagewire_local.process import stages

    try:
        known = stages()
        found = [served(each, known=known) for each in serve]
        found += [connected(each) for each in connect]
    except BundleError as error:
        raise click.ClickException(str(error)) from error
    names = [bundle.name for bundle in found]
    for name in names:
        if names.count(name) > 1:
            raise click.ClickException(f"endpoint '{name}' is given twice")
    return [bundle.having(environment) for bundle in found]


def parsed(pairs: tuple[str, ...]) -> dict[str, str]:
    """Read KEY=VALUE pairs. Raises BadParameter."""
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise click.BadParameter(f"'{pair}' is not of the form KEY=VALUE", param_hint="--env")
        found[key] = value
    return found


def again(context: click.Context) -> list[str]:
    """Write this command's options for another process, which stays in the foreground."""
    given = context.params
    words = [f"--port={given['port']}", f"--host={given['host']}", f"--region={given['region']}"]
    words += [f"--hop-accept={given['hop_accept']}", f"--start-seconds={given['start_seconds']}"]
    words += [f"--driver={given['driver']}"]
    words += [f"--{name}={value}" for name in ("serve", "connect") for value in given[name]]
    words += [f"--env={pair}" for pair in given["pairs"]]
    return words
