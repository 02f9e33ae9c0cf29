"""A stage in service: loading, ready or refused, and where its work is done.

Work of few rows runs on the event loop, where a thread hop would cost more than it saves, and so does
a single larger body while nothing else is in progress. All other work goes to a pool of the CPU
quota's size, so that `/ping` is always answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from stagewire import loading, rowwise, warming
from stagewire.batching import Batcher
from stagewire.body import Store
from stagewire.errors import ArtifactError, Busy, DeadlineExceeded, NotReady, StageError
from stagewire.limits import ALONE_FACTOR, HELD_BODIES, QUEUE_PER_THREAD
from stagewire.metrics import Metrics
from stagewire.offload import Offload
from stagewire.script import Context
from stagewire.stage import failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stagewire.settings import Settings
    from stagewire.stage import Stage, Steps

_log = logging.getLogger(__name__)


class State(StrEnum):
    """Where a stage is on its way to readiness; `refused` is final."""

    LOADING = "loading"
    READY = "ready"
    REFUSED = "refused"


@dataclass
class Service:
    """One stage's life in one process."""

    name: str
    settings: Settings
    load: Callable[[str, Settings], Stage] = loading.load
    state: State = State.LOADING
    reason: str | None = None
    stage: Stage | None = None
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        """Size the pool; threads start when there is work for them."""
        self.pool = ThreadPoolExecutor(self.settings.threads, thread_name_prefix="stage")
        self.limit = self.settings.threads * QUEUE_PER_THREAD
        self.store = Store(self.settings.body_bytes * HELD_BODIES)
        self.inline_bytes = 0
        self._turn_free = True
        self.settled, self._asked = asyncio.Event(), asyncio.Event()
        self.unbatched: str | None = str(self.state)
        self.batch_rows = self.settings.batch_rows
        self.batcher: Batcher | None = None

    async def start(self) -> None:
        """Load the stage in the pool, so that `/ping` answers 503 meanwhile instead of hanging."""
        try:
            await self._start()
        finally:
            gc.enable()  # the stage's `__main__` has disabled it
            self.settled.set()

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            stage = await loop.run_in_executor(self.pool, self._loaded)
        except Exception as error:  # noqa: BLE001 (whatever it is, /ping must be able to say it)
            self.state = State.REFUSED
            self.reason = str(error)
            if not isinstance(error, ArtifactError):
                self.reason = f"{type(error).__name__}: {error}"
                _log.exception("loading failed")
            _log.error("not ready: %s", self.reason)
            return
        # A full collection over scikit-learn's and pandas' objects holds the GIL for 36 ms, and
        # every request pays: /ping's p99 under load fell from 45 to 13 ms when they were left out.
        gc.collect()
        gc.freeze()
        if stage.manifest is None and not stage.script.user:
            _log.warning("%s has no manifest; it is served unchecked", self.settings.model_dir)
        self.serve(stage)

    def _loaded(self) -> Stage:
        stage = self.load(self.name, self.settings)
        self.unbatched = rowwise.objection(stage, self.settings)
        if self.unbatched is None:
            self.batch_rows = rowwise.bound(stage, self.settings)
        return stage

    def serve(self, stage: Stage) -> None:
        """Answer with a stage from now on, in batches unless something speaks against it."""
        self.stage, self.state = stage, State.READY
        self.inline_bytes = min(self.settings.inline_bytes, stage.inline_bytes)
        if self.unbatched is None:
            self.batcher = Batcher(
                functools.partial(stage.predict, context=Context("", "batch")),
                self.pool,
                self.metrics,
                self.batch_rows,
            )

    def ready(self) -> Stage:
        """Return the stage.

        Raises:
            NotReady: it is loading, or was refused.

        """
        if self.stage is None:
            raise NotReady(
                f"the stage is {self.state}" + (f": {self.reason}" if self.reason else "")
            )
        self._asked.set()
        return self.stage

    async def warm(self, web: Callable[[], Awaitable[object]]) -> None:
        """After the first ready ping, load in the background what later requests may need."""
        await self._asked.wait()
        try:
            await web()
        except Exception:  # noqa: BLE001 (the request that needs it will report it)
            _log.exception("the web app cannot be built")
        await asyncio.to_thread(warming.warm, self.ready())
        gc.collect()
        gc.freeze()
        _log.info("warm")

    def inline(self, size: int) -> bool:
        """Tell whether to answer a usual body on the event loop; of larger ones, one in each turn of the loop."""
        if size <= self.inline_bytes:
            return True
        if size > self.inline_bytes * ALONE_FACTOR or self.metrics.queued or not self._turn_free:
            return False
        self._turn_free = False
        # Everything else that has arrived by now is handled before the next such body.
        asyncio.get_running_loop().call_soon(self._free_turn)
        return True

    def _free_turn(self) -> None:
        self._turn_free = True

    async def answer(
        self, body: bytes, content_type: str, accept: str | None, context: Context
    ) -> tuple[bytes, str]:
        """Answer one request, here or in the pool.

        Raises:
            StageError: any refusal.

        """
        stage = self.ready()
        request = (body, content_type, accept, context)
        if len(body) <= self.inline_bytes:
            with contextlib.suppress(Offload):
                return stage.answer(*request)
        if self.metrics.queued >= self.limit:
            raise Busy(f"{self.limit} requests are waiting already")
        if self.batcher is not None and len(body) <= self.settings.inline_bytes:
            # Reading and writing few rows is cheap: only the computing leaves the loop.
            with contextlib.suppress(Offload):
                return await self._bounded(_batched(self.batcher, stage.steps(*request), context))
        work = self.pool.submit(stage.answer, *request)
        # Giving up cancels work that still waits in the queue; what runs, runs to its end.
        return await self._bounded(asyncio.wrap_future(work))

    async def _bounded(self, work: Awaitable[tuple[bytes, str]]) -> tuple[bytes, str]:
        self.metrics.queued += 1
        try:
            return await asyncio.wait_for(work, self.settings.reply_seconds)
        except TimeoutError:
            raise DeadlineExceeded(
                f"the request took longer than {self.settings.reply_seconds:g} s"
            ) from None
        finally:
            self.metrics.queued -= 1

    def close(self) -> None:
        """Let the pool's threads end."""
        self.pool.shutdown(wait=False, cancel_futures=True)

    @property
    def worker(self) -> str | None:
        """What tells this process from others on the same port, None where it is the only one."""
        return str(os.getpid()) if self.settings.workers > 1 else None


async def _batched(batcher: Batcher, steps: Steps, context: Context) -> tuple[bytes, str]:
    try:
        return await batcher.answer(steps)
    except (StageError, Offload):
        raise
    except Exception as error:
        raise failure(error, context) from error
