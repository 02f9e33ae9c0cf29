"""Puts what containers wrote into the box's CloudWatch Logs, when somebody first asks for logs."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from itertools import groupby
from threading import Lock
from typing import TYPE_CHECKING, Any

from stagewire_local.errors import ACCOUNT, Origin
from stagewire_local.variant import VARIANT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagewire_local.asgi import Receive, Scope, Send
    from stagewire_local.cloud import Cloud
    from stagewire_local.registry import Registry

TARGET = b"Logs_"  # the operations of CloudWatch Logs: Logs_20140328.GetLogEvents and so on
LOGGER = "stagewire.local.container"  # where every line of every container passes
ALONE = "primary"  # how the only container of a model is called
LINES = 10_000  # kept between two questions, about 1 MB; the oldest go first


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a container, which is named INSTANCE/HOSTNAME; `time` in ms since 1970."""

    container: str
    time: int
    text: str


class Journal(logging.Handler):
    """Keeps containers' lines, with their times, until they are drained."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[Line] = deque(maxlen=LINES)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line: the record's arguments are the container and its text."""
        if isinstance(record.args, tuple):
            container, text = map(str, record.args)
            time = int(record.created * 1000)
            self._lines.append(Line(container=container, time=time, text=text))

    def drain(self) -> list[Line]:
        """Return what was kept, oldest first, and keep it no longer."""
        return [self._lines.popleft() for _ in range(len(self._lines))]


class CloudLogs:
    """The AWS around, whose log groups of endpoints are brought up to date before each question.

    An ASGI application around `cloud`, which no line of a container loads. It takes lines until it
    is closed.
    """

    def __init__(self, cloud: Cloud, registry: Registry, *, region: str) -> None:
        self._cloud = cloud
        self._registry = registry
        self._region = region
        self._journal = Journal()
        self._lock = Lock()  # moto has none of its own
        logger = logging.getLogger(LOGGER)
        logger.setLevel(logging.INFO)
        logger.addHandler(self._journal)

    def close(self) -> None:
        """Take no more lines, and let the threads of the AWS around go."""
        logging.getLogger(LOGGER).removeHandler(self._journal)
        self._cloud.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if dict(scope["headers"]).get(b"x-amz-target", b"").startswith(TARGET):
            await asyncio.to_thread(self._write)
        await self._cloud(scope, receive, send)

    def _write(self) -> None:
        from moto.logs.models import logs_backends

        backend: Any = logs_backends[ACCOUNT][self._region]
        with self._lock:
            lines = sorted(self._journal.drain(), key=lambda line: (line.container, line.time))
            for container, some in groupby(lines, key=lambda line: line.container):
                self._add(backend, container, some)

    def _add(self, backend: Any, container: str, lines: Iterable[Line]) -> None:
        """Write into the platform's stream: VARIANT/INSTANCE, and /HOSTNAME in a pipeline."""
        instance, _, hostname = container.partition("/")
        group = Origin(endpoint=instance.rpartition("-")[0]).group
        stream = f"{self._variant(instance)}/{instance if hostname == ALONE else container}"
        if group not in backend.groups:
            backend.create_log_group(group, {})
        if stream not in backend.groups[group].streams:
            backend.create_log_stream(group, stream)
        events = [{"timestamp": line.time, "message": line.text} for line in lines]
        backend.put_log_events(group, stream, events)

    def _variant(self, instance: str) -> str:
        """Name the variant of an instance; one that is gone already was in the usual one."""
        for endpoint in self._registry.all():
            for variant in endpoint.variants:
                if any(each.id == instance for each in variant.instances):
                    return variant.name
        return VARIANT
