"""Works on several tasks at once and yields the results in order, holding few of either."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")


def ordered(tasks: Iterable[T], work: Callable[[T], R], *, workers: int) -> Iterator[tuple[T, R]]:
    """Yield each task with its result, in order; raises what the first task to fail raised.

    At most twice as many tasks as workers are held: one being worked on and one waiting for each.
    """
    queue: SimpleQueue[tuple[T, Future[R]] | None] = SimpleQueue()
    for _ in range(workers):
        # An executor's threads are waited for at the end: Ctrl-C would wait for a model's answer.
        threading.Thread(target=serve, args=(queue, work), daemon=True).start()
    held: deque[tuple[T, Future[R]]] = deque()
    try:
        for task in tasks:
            held.append((task, Future()))
            queue.put(held[-1])
            if len(held) >= 2 * workers:
                first, result = held.popleft()
                yield first, result.result()
        while held:
            first, result = held.popleft()
            yield first, result.result()
    finally:
        for _, result in held:
            result.cancel()
        for _ in range(workers):
            queue.put(None)


def serve(queue: SimpleQueue[tuple[T, Future[R]] | None], work: Callable[[T], R]) -> None:
    """Work on tasks until told to stop."""
    while (item := queue.get()) is not None:
        task, result = item
        if not result.set_running_or_notify_cancel():
            continue
        try:
            result.set_result(work(task))
        except BaseException as error:  # noqa: BLE001 (it is raised where the result is asked for)
            result.set_exception(error)
