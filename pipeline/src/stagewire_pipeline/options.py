"""The options that several commands share, and how their text is read."""

from __future__ import annotations

from pathlib import Path

import click

from stagewire_pipeline.layout import STAGES

OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="build",
    show_default=True,
    help="Folder for all that is made.",
)
DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="Rows with a header and a label; the abalone data unless given.",
)
FORCE = click.option("--force", is_flag=True, help="Train even when nothing changed.")


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
