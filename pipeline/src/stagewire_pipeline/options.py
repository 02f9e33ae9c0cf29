"""The options that several commands share, and how their text is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stagewire_pipeline.layout import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="build",
    show_default=True,
    help="Folder for everything that is made.",
)
DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="CSV file with a header and a label column; default: the abalone data.",
)
DOOR_PORT = 8080
PORT = click.IntRange(1, 65535)
ENDPOINT_URL = click.option(
    "--endpoint-url", metavar="URL", help="Where to call; default: the environment's URL, else AWS."
)
LOCAL = click.option(
    "--local", "here", is_flag=True, help=f"Call SageMaker on this machine, at port {DOOR_PORT}."
)
DOOR = click.option("--port", type=PORT, help="Call SageMaker on this machine, at this port.")
FORCE = click.option("--force", is_flag=True, help="Train even if nothing has changed.")


def door(
    endpoint_url: str | None, *, environ: Mapping[str, str], here: bool, port: int | None
) -> str | None:
    """Choose the runtime's URL; None is AWS itself. Raises UsageError."""
    from stagewire_pipeline.endpoint import address

    at = port or (DOOR_PORT if here else None)
    if endpoint_url and at:
        raise click.UsageError("--endpoint-url names one door and --local or --port another")
    return address(endpoint_url, environ=environ, port=at)


def names(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Read column names between commas."""
    return tuple(name.strip() for name in (value or "").split(",") if name.strip())


def settings(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> dict[str, dict[str, str]]:
    """Read `STAGE.KEY=VALUE` pairs into hyperparameters by stage. Raises BadParameter."""
    found: dict[str, dict[str, str]] = {stage: {} for stage in STAGES}
    for text in values:
        where, equals, value = text.partition("=")
        stage, dot, key = where.partition(".")
        if not (equals and dot and key and stage in found):
            raise click.BadParameter(
                f"{text!r} is not STAGE.KEY=VALUE with a stage of: {', '.join(STAGES)}"
            )
        found[stage][key] = value
    return found


def pairs(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    """Read `KEY=VALUE` pairs. Raises BadParameter."""
    found = [text.partition("=") for text in values]
    for text, (key, _, value) in zip(values, found, strict=True):
        if not (key and value):
            raise click.BadParameter(f"{text!r} is not STAGE=NAME")
    return {key: value for key, _, value in found}
