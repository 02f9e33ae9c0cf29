"""Load on an endpoint: a number of clients, each sending its next request when its last is answered."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from stagewire_pipeline import caller

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagewire_pipeline.caller import Address

# The platform's 60 s and some for the way; what has no answer then has none.
ANSWER_SECONDS = 70.0
# Before a refused connection is tried again, so that a dead endpoint does not cost a core.
AGAIN_SECONDS = 0.05


@dataclass
class Cell:
    """What was measured: `took` in seconds of each good answer, errors by what they were.

    `seconds` is the time in all, `cpu` what this process spent of it.
    """

    rows: int
    clients: int
    seconds: float = 0.0
    cpu: float = 0.0
    took: list[float] = field(default_factory=list[float])
    errors: Counter[str] = field(default_factory=Counter[str])

    def milliseconds(self, share: float) -> float | None:
        """Return the latency that a share of the good answers stayed within; None without any."""
        ranked = sorted(self.took)
        return ranked[min(int(len(ranked) * share), len(ranked) - 1)] * 1e3 if ranked else None

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return len(self.took) / self.seconds if self.seconds else 0.0


async def measure(
    address: Address, requests: Sequence[bytes], cell: Cell, *, seconds: float
) -> None:
    """Fill a cell: its clients send the requests in turn for `seconds`; answers still under way count."""
    turn = itertools.cycle(requests)
    began, spent = time.perf_counter(), time.process_time()
    try:
        async with asyncio.timeout(seconds + ANSWER_SECONDS), asyncio.TaskGroup() as group:
            for _ in range(cell.clients):
                group.create_task(client(address, turn, cell, until=began + seconds))
    except TimeoutError:
        cell.errors[f"no answer within {ANSWER_SECONDS:g} s"] += 1
    cell.seconds = time.perf_counter() - began
    cell.cpu = time.process_time() - spent


async def client(address: Address, turn: Iterator[bytes], cell: Cell, *, until: float) -> None:
    """Send one request after another over one connection, opened again where it was lost."""
    line: caller.Caller | None = None
    try:
        while (start := time.perf_counter()) < until:
            try:
                if line is None or not line.open:
                    line = await caller.connect(address)
                    start = time.perf_counter()
                reply = await line.post(next(turn))
            except OSError as error:
                cell.errors[f"{type(error).__name__}: {error.strerror or error}"] += 1
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            if reply.status == HTTPStatus.OK:
                cell.took.append(time.perf_counter() - start)
            else:
                cell.errors[f"{reply.status}: {reply.body[:200].decode(errors='replace')}"] += 1
    finally:
        if line:
            line.close()


async def once(address: Address, request: bytes) -> caller.Reply:
    """Send one request.

    Raises:
        OSError: nobody answers.

    """
    line = await caller.connect(address)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await line.post(request)
    finally:
        line.close()
