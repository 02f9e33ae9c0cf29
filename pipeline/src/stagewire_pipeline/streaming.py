"""Sends a file of any length through an endpoint and writes the answers in order, in flat memory."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagewire import media
from stagewire.errors import StageError
from stagewire.limits import BODY_BYTES
from stagewire_pipeline import parallel, records
from stagewire_pipeline.errors import DataError
from stagewire_pipeline.joining import Sent
from stagewire_pipeline.sending import FIRST_TRIES, Sender, Spec, ask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from stagewire_pipeline.endpoint import Endpoint
    from stagewire_pipeline.records import Chunk, Form

# Measured on 2 cores, rows a second of a million abalone rows: 237,000 by 250 KB, 206,000 by 1 MB,
# 146,000 by 4 MB, which no longer fit a cache; two requests at once give 28 % less than four, eight
# no more. Small chunks also keep features, many times as wide as rows, below a hop's 5 MB.
CHUNK_BYTES = 250_000
WORKERS = 4
TRIES = 8


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file to be sent: a stream, what it is called, and what it and its answer are."""

    stream: BinaryIO
    name: str
    content_type: str
    accept: str | None = None


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast: bytes a request, requests at once, and tries of each."""

    size: int = CHUNK_BYTES
    workers: int = WORKERS
    tries: int = TRIES


@dataclass(frozen=True, slots=True)
class Part:
    """What is to be written next: answers to `rows` rows, which were `read` bytes of the file.

    `rows` is None if the whole file was one request, whose rows were not counted.
    """

    answers: Sequence[bytes]
    rows: int | None
    read: int


def send(source: Source, endpoint: Endpoint, pace: Pace) -> Iterator[Part]:
    """Send a file, in one request where it is small, and yield the answers in order.

    Raises:
        DataError: it is too large for one request and cannot be cut, or cannot be read.
        EndpointError: the endpoint refused it; what was answered before has been yielded.

    """
    cut, sent = form(source)
    spec = Spec(
        content_type=source.content_type,
        accept=source.accept,
        sent=sent,
        size=pace.size,
        tries=pace.tries,
    )
    limit = pace.size if cut else BODY_BYTES
    head = source.stream.read(limit + 1)
    if len(head) <= limit:
        answer = ask(endpoint, head, spec, tries=min(pace.tries, FIRST_TRIES))
        yield Part((answer.body,), None, len(head))
        return
    if cut is None:
        raise DataError(
            f"{source.name} has more than {BODY_BYTES:,} bytes, and a body of type "
            f"{sent.media.name} is one request; write it as {' or '.join(records.FORMS)}, "
            "in UTF-8, which are sent in parts"
        )
    check(source)
    sender = Sender(endpoint, spec, cut)
    for chunk, answers in answered(source, cut, sender, head=head, workers=pace.workers):
        yield Part(answers, sender.rows(chunk), len(chunk.data))


def answered(
    source: Source, cut: Form, sender: Sender, *, head: bytes, workers: int
) -> Iterator[tuple[Chunk, list[bytes]]]:
    """Yield chunks with their answers, in order."""
    chunks = records.chunks(source.stream, cut, size=lambda: sender.size, head=head)
    # Alone, since its answer shows whether all others need the file's header.
    for chunk in itertools.islice(chunks, 1):
        yield chunk, sender(chunk)
    yield from parallel.ordered(chunks, sender, workers=workers)


def form(source: Source) -> tuple[Form | None, Sent]:
    """Read the content type.

    Raises:
        DataError: it is none.

    """
    try:
        cut = records.form(source.content_type)
    except StageError as error:
        raise DataError(error.message) from None
    found = media.parse(source.content_type)
    return cut, Sent(found, drop=found.parameters.get("bad-rows", "").lower() == "drop")


def check(source: Source) -> None:
    """Refuse to ask for answers that cannot be joined.

    Raises:
        DataError: Accept allows no other.

    """
    try:
        ranges = media.accept(source.accept or "*/*")
    except StageError as error:
        raise DataError(error.message) from None
    if not media.choose(ranges, list(records.FORMS)):
        raise DataError(
            f"{source.name} is sent in parts, and answers of type {source.accept} cannot be "
            f"joined; ask for --accept {' or '.join(records.FORMS)}"
        )
