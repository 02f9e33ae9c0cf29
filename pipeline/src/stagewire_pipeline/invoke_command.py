"""The command `stagewire invoke`: a file's rows through an endpoint, whatever its length."""

from __future__ import annotations

import os
import stat
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click
from rich.console import Console

from stagewire import media
from stagewire.errors import StageError
from stagewire.limits import BODY_BYTES
from stagewire_pipeline import content, options, show_invoke, streaming
from stagewire_pipeline.errors import DataError, PipelineError

if TYPE_CHECKING:
    from typing import BinaryIO

    from stagewire_pipeline.endpoint import Endpoint


@click.command()
@click.argument("name")
@click.argument(
    "file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)
)
@options.ENDPOINT_URL
@options.LOCAL
@options.DOOR
@click.option("--content-type", help="Content type of FILE; default: by its suffix, CSV for stdin.")
@click.option("--accept", help="Content type of the answer; default: the endpoint decides.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write the answer to; default: stdout.",
)
@click.option(
    "--bad-rows",
    type=click.Choice(["fail", "null", "drop"]),
    help="What to do with rows that break the schema; default: the endpoint decides.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 256),
    default=streaming.WORKERS,
    show_default=True,
    help="Concurrent requests, if FILE is sent as several.",
)
@click.option(
    "--chunk",
    type=click.IntRange(1, BODY_BYTES),
    default=streaming.CHUNK_BYTES,
    show_default=True,
    help="Bytes per request, for CSV and JSON Lines.",
)
@click.option(
    "--tries",
    type=click.IntRange(1, 100),
    default=streaming.TRIES,
    show_default=True,
    help="Attempts per request while the endpoint is busy or unreachable.",
)
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
    bad_rows: str | None,
    concurrency: int,
    chunk: int,
    tries: int,
) -> None:
    """Send a file's rows to an endpoint.

    FILE (- is stdin) goes to the endpoint NAME, whose answer is printed.

    CSV and JSON Lines of more than --chunk bytes are cut between rows and sent as several requests;
    the answers are written as one.
    """
    from stagewire_pipeline.endpoint import Endpoint

    target = Target(file, out)
    kind = content_type or (media.CSV if piped(file) else content.of(file.name))
    url = options.door(endpoint_url, environ=context.obj, here=here, port=port)
    endpoint = Endpoint(name, url=url, environ=context.obj, threads=concurrency)
    pace = streaming.Pace(size=chunk, workers=concurrency, tries=tries)
    with ExitStack() as stack:
        source = streaming.Source(
            stream=sys.stdin.buffer if piped(file) else stack.enter_context(file.open("rb")),
            name="stdin" if piped(file) else str(file),
            content_type=with_policy(kind, bad_rows),
            accept=accept,
        )
        stream(source, endpoint, pace, target=stack.enter_context(target))


def stream(
    source: streaming.Source, endpoint: Endpoint, pace: streaming.Pace, *, target: Target
) -> None:
    """Send it and show how it goes; says what was written when it does not go to its end."""
    console, done, began = Console(stderr=True), show_invoke.Done(), time.monotonic()
    total = size(source.stream)
    try:
        with show_invoke.bar(console, total=total, quiet=target.on_terminal) as tell:
            for part in streaming.send(source, endpoint, pace):
                for each in part.answers:
                    target.write(each)
                    done.written += len(each)
                done.rows += part.rows or 0
                done.read += part.read
                tell(done)
    except (PipelineError, KeyboardInterrupt):
        show_invoke.partial(console, done, target.name)
        raise
    if done.rows:
        show_invoke.whole(console, done, seconds=time.monotonic() - began)


class Target:
    """Where answers go: a file, which is made at the first of them, or stdout."""

    def __init__(self, file: Path, out: Path | None) -> None:
        """Refuse, before anything is sent, what could not be written."""
        if out and not piped(file) and out.exists() and out.samefile(file):
            raise click.UsageError(f"--out {out} is the file that is sent")
        if out and not out.parent.is_dir():
            raise click.UsageError(f"--out {out} is in a folder that does not exist")
        self.name = str(out) if out else "stdout"
        self.on_terminal = not out and sys.stdout.isatty()
        self._out = out
        self._stream: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        """Write an answer.

        Raises:
            DataError: it cannot be written.

        """
        try:
            stream = self._stream or (self._out.open("wb") if self._out else sys.stdout.buffer)
            self._stream = stream
            stream.write(data)
            stream.flush()
        except BrokenPipeError:
            raise  # the reader has gone, and click then ends quietly
        except OSError as error:
            raise DataError(f"cannot write to {self.name}: {error.strerror}") from error

    def __enter__(self) -> Self:
        """Return the target itself."""
        return self

    def __exit__(self, *_: object) -> None:
        if self._out and self._stream:
            self._stream.close()


def piped(file: Path) -> bool:
    """Tell whether a file's name means stdin."""
    return str(file) == "-"


def size(stream: BinaryIO) -> int | None:
    """Return how many bytes a stream has; None where that shows only at its end."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def with_policy(content_type: str, bad_rows: str | None) -> str:
    """Write what becomes of bad rows into a content type.

    Raises:
        DataError: it is none.

    """
    if not bad_rows:
        return content_type
    try:
        found = media.parse(content_type)
    except StageError as error:
        raise DataError(error.message) from None
    return media.render(found.name, {**found.parameters, "bad-rows": bad_rows})
