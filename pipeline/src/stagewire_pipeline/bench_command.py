"""The command `stagewire bench`: how fast an endpoint answers a user's own rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from stagewire.errors import StageError
from stagewire_pipeline import content, options, show_bench
from stagewire_pipeline.errors import DataError

if TYPE_CHECKING:
    from stagewire_pipeline.load import Cell

# A signature holds for five minutes, and a cell's are made at its beginning.
MOST_SECONDS = 240


def numbers(_context: click.Context, _option: click.Parameter, value: str) -> tuple[int, ...]:
    """Read whole numbers between commas. Raises BadParameter."""
    found = [text.strip() for text in value.split(",")]
    if not all(text.isdecimal() and int(text) for text in found):
        raise click.BadParameter(f"{value!r} is not a list of numbers from 1 on, such as 1,10,100")
    return tuple(map(int, found))


@click.command()
@click.argument("where", metavar="URL|NAME")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--rows",
    default="1,10,100,1000",
    show_default=True,
    callback=numbers,
    help="Rows per request; each number in turn.",
)
@click.option(
    "--clients",
    default="1,8,64",
    show_default=True,
    callback=numbers,
    help="Concurrent clients; each number in turn.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, MOST_SECONDS),
    default=3.0,
    show_default=True,
    help="Duration of each measurement.",
)
@options.ENDPOINT_URL
@options.LOCAL
@options.DOOR
@click.option("--content-type", help="Content type of FILE; default: by its suffix.")
@click.option("--accept", help="Content type of the answers; default: the endpoint decides.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.pass_context
def bench(  # noqa: PLR0913 (click passes one argument an option)
    context: click.Context,
    *,
    where: str,
    file: Path,
    rows: tuple[int, ...],
    clients: tuple[int, ...],
    seconds: float,
    endpoint_url: str | None,
    here: bool,
    port: int | None,
    content_type: str | None,
    accept: str | None,
    as_json: bool,
) -> None:
    """Measure an endpoint with rows of your own.

    Latency and throughput, with the rows of FILE.

    URL is any /invocations, of a stage or an endpoint. NAME is an endpoint, called where boto3 would.
    """
    from stagewire_pipeline import benching

    kind = content_type or content.of(file.name)
    url = options.door(endpoint_url, environ=context.obj, here=here, port=port)
    headers = {"Content-Type": kind, **({"Accept": accept} if accept else {})}
    goal = benching.target(where, url=url, environ=context.obj, headers=headers)
    try:
        source = benching.rows(file, kind, goal)
    except StageError as error:
        raise DataError(error.message) from None
    total = len(rows) * len(clients)
    found: list[Cell] = []
    with show_bench.measuring(Console(stderr=True), total=total) as tell:
        for cell in benching.cells(goal, source, counts=rows, clients=clients, seconds=seconds):
            found.append(cell)
            tell(cell)
    if as_json:
        click.echo(json.dumps([show_bench.figures(cell) for cell in found], indent=1))
    else:
        show_bench.table(Console(), found)
