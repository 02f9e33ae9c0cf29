"""Sends one chunk of a file: again while the endpoint is busy, in halves where it is too large."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stagewire import media
from stagewire_pipeline import joining, records
from stagewire_pipeline.errors import (
    BusyError,
    EndpointError,
    Refusal,
    RefusalError,
    TooLargeError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from stagewire_pipeline.endpoint import Answer, Endpoint
    from stagewire_pipeline.joining import Sent, Shape
    from stagewire_pipeline.records import Chunk, Form

# With half of each left to chance, eight tries wait 20 s on average: longer than a container of
# this machine takes to come back.
PAUSE_SECONDS = 0.25
MOST_SECONDS = 10.0
# As often as boto3 itself.
FIRST_TRIES = 3
# How AWS words a ModelError for a container that took longer than 60 s.
TIMED_OUT = "invocation timed out"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """How a file is to be sent; `size` is a chunk's in bytes."""

    content_type: str
    accept: str | None
    sent: Sent
    size: int
    tries: int


class Sender:
    """Sends chunks, the first one of the file before any other; then from several threads."""

    def __init__(
        self,
        endpoint: Endpoint,
        spec: Spec,
        cut: Form,
        *,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self.size = spec.size
        self._endpoint = endpoint
        self._spec = spec
        self._cut = cut
        self._pause = pause
        self._shape: Shape | None = None

    def __call__(self, chunk: Chunk) -> list[bytes]:
        """Return the answers to a chunk's rows, in order, as parts of the whole answer.

        Raises:
            RefusalError: a container refused rows, which are told by their place in the file.
            EndpointError: the endpoint stayed busy, or its answer is not one a row.

        """
        shape = self._shape or joining.Shape(b"", b"")
        try:
            answer = self._ask(shape.body(chunk))
            if not self._shape:
                self._shape = shape = joining.learn(self._spec.sent, chunk, answer)
            return [joining.joined(self._spec.sent, shape, chunk, answer)]
        except TooLargeError as error:
            parts = records.halves(chunk, self._cut)
            if not parts:
                raise self._placed(chunk, error) from error
            # The chunks to come are cut so small, and do not meet the same refusal.
            self.size = max(min(self.size, len(chunk.data) // 2), 1)
            return [*self(parts[0]), *self(parts[1])]
        except EndpointError as error:
            raise self._placed(chunk, error) from error

    def rows(self, chunk: Chunk) -> int:
        """Count a chunk's rows; a header is none."""
        return chunk.records - bool(self._shape and self._shape.header and not chunk.record)

    def _ask(self, body: bytes) -> Answer:
        # Until something has answered, it is rather wrong than busy: nobody waits for that.
        tries = self._spec.tries if self._shape else min(self._spec.tries, FIRST_TRIES)
        return ask(self._endpoint, body, self._spec, tries=tries, pause=self._pause)

    def _placed(self, chunk: Chunk, error: EndpointError) -> EndpointError:
        """Tell an error by the file's own lines."""
        last = chunk.line + self._cut.lines(self._cut.strip(chunk.data))
        where = f"lines {chunk.line:,} to {last:,} of the file"
        if not isinstance(error, RefusalError):
            return EndpointError(f"{where}: {error}")
        found = error.refusal
        if not found.rows:
            hint = "; send less at once with --chunk" if TIMED_OUT in found.message else ""
            return RefusalError(replace(found, message=f"{where}: {found.message}{hint}"))
        header = self._header(chunk, found)
        rows = tuple(self._row(chunk, row, header=header) for row in found.rows)
        message = f"{found.bad_rows:,} rows within {where} break the schema"
        return RefusalError(replace(found, message=message, rows=rows))

    def _header(self, chunk: Chunk, found: Refusal) -> bool | None:
        """Tell whether the file has a header; None where even a refusal of its rows does not."""
        if self._shape or self._spec.sent.media.name != media.CSV:
            return bool(self._shape and self._shape.header)
        if self._spec.sent.stated:
            return self._spec.sent.stated == "present"
        first = chunk.data[: self._cut.skip(chunk.data, 1)]
        names = {name.strip().casefold() for name in self._spec.sent.names(first)}
        columns = [str(row["column"]).strip().casefold() for row in found.rows if row.get("column")]
        return columns[0] in names if columns else None

    def _row(
        self, chunk: Chunk, row: Mapping[str, Any], *, header: bool | None
    ) -> Mapping[str, Any]:
        """Give a row of a request its number and its line in the file."""
        if header is None or not isinstance(row.get("row"), int):
            return row
        within = row["row"] + bool(header and not chunk.record)
        before = chunk.data[: self._cut.skip(chunk.data, within)]
        number = chunk.record + within - header
        return {**row, "row": number, "line": chunk.line + self._cut.lines(before)}


def ask(
    endpoint: Endpoint,
    body: bytes,
    spec: Spec,
    *,
    tries: int = FIRST_TRIES,
    pause: Callable[[float], object] = time.sleep,
) -> Answer:
    """Send one request, again while the endpoint is busy or away.

    Raises:
        EndpointError: it stayed so, or refused the request.

    """
    for number in range(tries - 1):
        try:
            return endpoint.invoke(body, content_type=spec.content_type, accept=spec.accept)
        except BusyError:
            longest = min(PAUSE_SECONDS * 2**number, MOST_SECONDS)
            # Clients that were refused together should not come back together.
            pause(longest * random.uniform(0.5, 1))  # noqa: S311 (no secret)
    return endpoint.invoke(body, content_type=spec.content_type, accept=spec.accept)
