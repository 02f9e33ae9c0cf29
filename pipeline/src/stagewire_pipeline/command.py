"""The program `stagewire`: every command, each a few lines over the module that does the work."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import click
from rich.console import Console

from stagewire_pipeline import bench_command, deploy_command, invoke_command, options, show
from stagewire_pipeline.child import Stages
from stagewire_pipeline.rooms import Rooms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from stagewire_pipeline.child import Line


@click.group(cls=Rooms, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stagewire-pipeline", prog_name="stagewire")
@click.pass_context
def main(context: click.Context) -> None:
    """Train, package and serve a pipeline of containers as SageMaker would."""
    if context.obj is None:
        context.obj = dict(os.environ)


def stages(context: click.Context) -> Callable[[Callable[[Line], None]], Stages]:
    """Return what runs the installed stages, given what to call with each of their lines."""
    from stagewire import loading

    return partial(Stages, loading.installed(), environment(context))


def environment(context: click.Context) -> Mapping[str, str]:
    """Return the environment that was read once, when the program started."""
    found: Mapping[str, str] = context.obj
    return found


@main.command()
@options.DATA
@click.option("--label", metavar="NAME", help="Column to predict; default: the last one.")
@options.OUT
@click.option(
    "--numeric", callback=options.names, metavar="A,B", help="Numeric columns; default: inferred."
)
@click.option(
    "--categorical",
    callback=options.names,
    metavar="C,D",
    help="Categorical columns; default: inferred.",
)
@click.option(
    "--task",
    type=click.Choice(["regression", "classification"]),
    help="Default: inferred from the label.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of the split and of the training."
)
@click.option(
    "--set",
    "extra",
    multiple=True,
    callback=options.settings,
    metavar="STAGE.KEY=VALUE",
    help="Hyperparameter of one stage, for example predictor.max_depth=6.",
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
    """Train both stages on one CSV file and score the held-out rows."""
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
    """Make the two artifacts (model.tar.gz), each with its manifest."""
    from stagewire_pipeline import packaging

    console = Console()
    with show.progress(console) as say:
        found = packaging.package(out, stages(context)(say))
    show.artifacts(console, found)


@main.command()
@options.DATA
@options.OUT
@click.option(
    "--port",
    type=options.PORT,
    help=f"Port to serve on; default: any free one, {options.DOOR_PORT} with --keep.",
)
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
    """Train if needed, package, serve, score held-out rows, stop."""
    from stagewire_pipeline import demo as story
    from stagewire_pipeline.training import Plan

    story.run(
        story.Demo(
            plan=Plan(data=data or story.data(), out=out),
            port=port,
            kept=options.DOOR_PORT,
            keep=keep,
            force=force,
            environ=environment(context),
        ),
        Console(),
        stages(context),
    )


@main.group()
def images() -> None:
    """Build the images of the stages and of the door."""


@images.command()
@click.argument("rooms", nargs=-1, type=click.Choice(["featurizer", "predictor", "local"]))
def build(rooms: tuple[str, ...]) -> None:
    """Build images from the checkout: all three, or the ROOMS named."""
    from stagewire_pipeline import images as made

    root = made.checkout()
    for room in rooms or made.ROOMS:
        click.echo(made.build(room, root=root))


main.add_command(invoke_command.invoke)
main.add_command(bench_command.bench)
main.add_command(deploy_command.push)
main.add_command(deploy_command.deploy)
main.add_command(deploy_command.delete)
