"""Micro-batches: small requests that wait for one another anyway are computed in one call.

For stages whose call is expensive for any number of rows: scikit-learn's transform takes 4 ms for one
row and 5 for a thousand. No request waits for others: if nothing is being computed, it is computed at
once; requests that arrive meanwhile form the next batch.
"""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from stagewire.errors import BadRows
from stagewire.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor

    from stagewire.metrics import Metrics
    from stagewire.stage import Steps

    Function: TypeAlias = Callable[[Table], Table]
    Outcome: TypeAlias = Table | Exception


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One request's rows on their way through a batch."""

    data: Table
    future: asyncio.Future[Table]

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """What must be equal for rows to be in one batch: names and types."""
        return tuple((column.name, column.numpy().dtype.str) for column in self.data.columns)


class Batcher:
    """Computes the rows of concurrent requests together, in a pool; `rows` bounds a batch.

    All but the computing happens on the event loop.
    """

    def __init__(self, function: Function, pool: Executor, metrics: Metrics, rows: int) -> None:
        self.function = function
        self.pool = pool
        self.metrics = metrics
        self.rows = rows
        self._waiting: deque[Part] = deque()
        self._busy = False

    async def answer(self, steps: Steps) -> tuple[bytes, str]:
        """Answer a request whose stage leaves the computing to others.

        Raises:
            StageError: any refusal.

        """
        try:
            data = next(steps)
            while True:
                try:
                    found = await self.predict(data)
                except BadRows as error:
                    data = steps.throw(error)
                else:
                    data = steps.send(found)
        except StopIteration as end:
            answer: tuple[bytes, str] = end.value
            return answer

    async def predict(self, data: Table) -> Table:
        """Return the results of a request's rows, the same as if it had been the only one.

        Cancelled while it waits, it is not computed.
        """
        loop = asyncio.get_running_loop()
        part = Part(data, loop.create_future())
        self._waiting.append(part)
        if not self._busy:
            self._busy = True
            # After everything that arrives in this turn of the loop, which takes no time.
            loop.call_soon(self._next)
        return await part.future

    def _next(self) -> None:
        batch = self._gather()
        self._busy = bool(batch)
        if batch:
            loop = asyncio.get_running_loop()
            work = loop.run_in_executor(
                self.pool, compute, self.function, [part.data for part in batch]
            )
            work.add_done_callback(functools.partial(self._settle, batch))

    def _gather(self) -> list[Part]:
        """Take the waiting parts that are still wanted, up to the bound, while they fit the first one."""
        batch: list[Part] = []
        rows = 0
        while self._waiting:
            part = self._waiting[0]
            if not part.future.done():
                rows += part.data.rows
                if batch and (rows > self.rows or part.key != batch[0].key):
                    break
                batch.append(part)
            self._waiting.popleft()
        return batch

    def _settle(self, batch: Sequence[Part], done: asyncio.Future[list[Outcome]]) -> None:
        if done.cancelled():  # the pool was closed
            for part in batch:
                part.future.cancel()
            return
        for part, outcome in zip(batch, done.result(), strict=True):
            if part.future.done():
                continue
            if isinstance(outcome, Exception):
                part.future.set_exception(outcome)
            else:
                part.future.set_result(outcome)
        self.metrics.batches += 1
        self.metrics.batched_requests += len(batch)
        self.metrics.batched_rows += sum(part.data.rows for part in batch)
        self._next()


def compute(function: Function, tables: Sequence[Table]) -> list[Outcome]:
    """Compute tables of equal columns in one call; those that it fails for are computed alone."""
    found: dict[int, Outcome] = {}
    left = list(range(len(tables)))
    while len(left) > 1:
        group = [tables[index] for index in left]
        try:
            results = list(split(function(concatenate(group)), group))
        except BadRows as error:
            blamed = _blamed(group, [row.row for row in error.rows])
        except Exception:  # noqa: BLE001 (whose fault it is, each computed alone will tell)
            blamed = set(range(len(group)))
        else:
            found.update(zip(left, results, strict=True))
            break
        found.update({left[i]: _alone(function, group[i]) for i in blamed})
        left = [index for i, index in enumerate(left) if i not in blamed]
    found.update({index: _alone(function, tables[index]) for index in left if index not in found})
    return [found[index] for index in range(len(tables))]


def _alone(function: Function, table: Table) -> Outcome:
    try:
        return function(table)
    except Exception as error:  # noqa: BLE001 (raised again where its request waits)
        return error


def _blamed(group: Sequence[Table], rows: Sequence[int]) -> set[int]:
    """Find the tables that the bad rows are from; all of them when no row is named."""
    ends = np.cumsum([table.rows for table in group])
    return set(np.searchsorted(ends, rows, side="right").tolist()) or set(range(len(group)))


def concatenate(tables: Sequence[Table]) -> Table:
    """Put the rows of tables with equal columns into one table."""
    columns = tuple(
        Column(each[0].name, np.concatenate([column.numpy() for column in each]), each[0].role)
        for each in zip(*(table.columns for table in tables), strict=True)
    )
    return Table(columns, sum(table.rows for table in tables), tables[0].request)


def split(found: Table, tables: Sequence[Table]) -> Iterator[Table]:
    """Give each table its own rows of the results."""
    for table, (start, stop) in zip(tables, pairwise(_ends(tables)), strict=True):
        columns = tuple(replace(c, values=c.numpy()[start:stop]) for c in found.columns)
        block = None if found.block is None else found.block[start:stop]
        yield Table(columns, stop - start, table.request, block=block)


def _ends(tables: Sequence[Table]) -> Iterator[int]:
    return accumulate((table.rows for table in tables), initial=0)
