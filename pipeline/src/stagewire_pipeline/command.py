"""The program `stagewire`: every command, each a few lines over the module that does the work."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from stagewire_pipeline import deploy_command, options, show
from stagewire_pipeline.child import Stages, installed
from stagewire_pipeline.rooms import Rooms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagewire_pipeline.child import Line

DOOR_PORT = 8080
PORT = click.IntRange(1, 65535)


@click.group(cls=Rooms)
@click.version_option(package_name="stagewire-pipeline", prog_name="stagewire")
@click.pass_context
def main(context: click.Context) -> None:
    """Train, package and serve a pipeline of containers as SageMaker would."""
    if context.obj is None:
        context.obj = dict(os.environ)


def stages(context: click.Context) -> Callable[[Callable[[Line], None]], Stages]:
    """Return what runs the installed stages, once it is told who hears their lines."""
    return partial(Stages, installed(), environment(context))


def environment(context: click.Context) -> Mapping[str, str]:
    """Return the environment that was read once, when the program started."""
    found: Mapping[str, str] = context.obj
    return found


@main.command()
@options.DATA
@click.option("--label", metavar="NAME", help="Column to predict; the last one unless given.")
@options.OUT
@click.option("--numeric", callback=options.names, metavar="A,B", help="Columns of numbers.")
@click.option("--categorical", callback=options.names, metavar="C,D", help="Columns of words.")
@click.option("--task", type=click.Choice(["regression", "classification"]), help="Inferred.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of split and training.")
@click.option(
    "--set",
    "extra",
    multiple=True,
    callback=options.settings,
    metavar="STAGE.KEY=VALUE",
    help="Hyperparameter of one stage, as predictor.max_depth=6.",
)
@options.FORCE
@click.pass_context
def train(  # noqa: PLR0913 (click passes one argument an option)
    context: click.Context,
    *,
    data: Path | None,
    label: str | None,
    out: Path,
    numeric: tuple[str, ...],
    categorical: tuple[str, ...],
    task: str | None,
    seed: int,
    extra: dict[str, dict[str, str]],
    force: bool,
) -> None:
    """Train both stages on one CSV file and score rows held out."""
    from stagewire_pipeline import demo, training

    plan = training.Plan(
        data=data or demo.data(),
        out=out,
        label=label,
        numeric=numeric,
        categorical=categorical,
        task=task,
        seed=seed,
        extra=extra,
    )
    console = Console()
    with show.progress(console) as say:
        found = training.train(plan, stages(context)(say), force=force)
    show.outcome(console, found)


@main.command()
@options.OUT
@click.pass_context
def package(context: click.Context, *, out: Path) -> None:
    """Make the two artifacts, each with its manifest."""
    from stagewire_pipeline import packaging

    console = Console()
    with show.progress(console) as say:
        found = packaging.package(out, stages(context)(say))
    show.artifacts(console, found)


@main.command()
@click.argument("name")
@click.argument(
    "file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--endpoint-url", metavar="URL", help="Else the environment's, else AWS itself.")
@click.option("--local", "here", is_flag=True, help=f"The door on this machine, port {DOOR_PORT}.")
@click.option("--port", type=PORT, help="The door on this machine, at this port.")
@click.option("--content-type", help="By the file's suffix unless given; CSV for '-'.")
@click.option("--accept", help="Content type of the answer; the endpoint's choice unless given.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File for the answer.")
@click.pass_context
def invoke(  # noqa: PLR0913 (click passes one argument an option)
    context: click.Context,
    *,
    name: str,
    file: Path,
    endpoint_url: str | None,
    here: bool,
    port: int | None,
    content_type: str | None,
    accept: str | None,
    out: Path | None,
) -> None:
    """Send FILE (- is stdin) to the endpoint NAME, print what it answers."""
    from stagewire_pipeline import content
    from stagewire_pipeline.endpoint import Endpoint, address

    piped = str(file) == "-"
    kind = content_type or ("text/csv" if piped else content.of(file.name))
    door = port or (DOOR_PORT if here else None)
    if endpoint_url and door:
        raise click.UsageError("--endpoint-url names one door and --local or --port another")
    url = address(endpoint_url, environ=environment(context), port=door)
    body = sys.stdin.buffer.read() if piped else file.read_bytes()
    endpoint = Endpoint(name, url=url, environ=environment(context))
    answer = endpoint.invoke(body, content_type=kind, accept=accept)
    if out:
        out.write_bytes(answer.body)
    else:
        sys.stdout.buffer.write(answer.body)


@main.command()
@options.DATA
@options.OUT
@click.option("--port", type=PORT, help=f"Any free one; {DOOR_PORT} with --keep.")
@click.option("--keep", is_flag=True, help="Leave it running until Ctrl-C.")
@options.FORCE
@click.pass_context
def demo(  # noqa: PLR0913 (click passes one argument an option)
    context: click.Context,
    *,
    data: Path | None,
    out: Path,
    port: int | None,
    keep: bool,
    force: bool,
) -> None:
    """Train if needed, package, serve here, score held-out rows, stop."""
    from stagewire_pipeline import demo as story
    from stagewire_pipeline.training import Plan

    story.run(
        story.Demo(
            plan=Plan(data=data or story.data(), out=out),
            port=port or (DOOR_PORT if keep else None),
            keep=keep,
            force=force,
            environ=environment(context),
        ),
        Console(),
        stages(context),
    )


@main.group()
def images() -> None:
    """The rooms' images."""


@images.command()
@click.argument("rooms", nargs=-1, type=click.Choice(["featurizer", "predictor", "local"]))
def build(rooms: tuple[str, ...]) -> None:
    """Build images from the checkout: all three, or the ROOMS named."""
    from stagewire_pipeline import images as made

    root = made.checkout()
    for room in rooms or made.ROOMS:
        click.echo(made.build(room, root=root))


main.add_command(deploy_command.push)
main.add_command(deploy_command.deploy)
main.add_command(deploy_command.delete)
