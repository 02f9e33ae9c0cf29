"""The two routes SageMaker calls, answered before any framework; all else goes to the web app.

FastAPI's router and middleware cost 1.6 times the latency of this and three times its CPU at one
row, which is more than both stages' own work.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import orjson

from stagewire.body import Share, read
from stagewire.errors import (
    Malformed,
    MethodNotAllowed,
    NotReady,
    StageError,
    StageFailed,
    UnsupportedMedia,
)
from stagewire.headers import Headers
from stagewire.heads import Heads
from stagewire.request import new_id
from stagewire.request import request_id as checked
from stagewire.script import Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagewire.asgi import App, Receive, Scope, Send
    from stagewire.asked import Asked
    from stagewire.service import Service

_log = logging.getLogger(__name__)

# Counted for a client that left before its answer; nginx's number, never sent.
CLIENT_LEFT = 499
_METHODS = {"/ping": ("GET", "HEAD"), "/invocations": ("POST",)}


class Front:
    """The ASGI application of a stage."""

    def __init__(self, service: Service, build: Callable[[Service], App]) -> None:
        """Take the service and what builds the web app when somebody first asks for it."""
        self.service = service
        self.build = build
        self.app: App | None = None
        self.heads = Heads()
        self.model_dir = str(service.settings.model_dir)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection event, as ASGI has it."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] != "http":
            raise RuntimeError(f"a stage speaks HTTP, not {scope['type']}")
        elif scope["path"] not in _METHODS:
            await (await self._web())(scope, receive, send)
        elif scope["method"] not in _METHODS[scope["path"]]:
            await self._refuse(scope, send, _method(scope), _id(Headers(scope["headers"])))
        elif scope["path"] == "/ping":
            await self._ping(scope, send)
        else:
            await self._invoke(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        loading = asyncio.create_task(self._start())
        if self.service.settings.workers > 1:
            # Any of them answers a ping: none listens before it is ready, so that no caller sees
            # 200 and then 503.
            await self.service.settled.wait()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        loading.cancel()
        self.service.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        await self.service.start()
        if self.service.settings.warm and self.service.stage is not None:
            await self.service.warm(self._web)

    async def _web(self) -> App:
        if self.app is None:
            # Its imports take a quarter of a second: too long for the loop that answers /ping.
            self.app = await asyncio.to_thread(self.build, self.service)
        return self.app

    def ready(self) -> bool:
        """Tell whether a ping is answered 200."""
        try:
            self.service.ready()
        except StageError:
            return False
        return True

    async def _ping(self, scope: Scope, send: Send) -> None:
        try:
            self.service.ready()
        except StageError as error:
            await self._refuse(scope, send, error, _id(Headers(scope["headers"])))
        else:
            await _respond(send, 200, b"")

    async def _invoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        start, metrics = time.perf_counter(), self.service.metrics
        headers = Headers(scope["headers"])
        context = Context(self.model_dir, _id(headers), headers)
        metrics.in_flight += 1
        status = CLIENT_LEFT
        try:
            status = await self._answer(scope, receive, send, context, headers)
        finally:
            seconds = time.perf_counter() - start
            metrics.in_flight -= 1
            metrics.observe(status, seconds)
        if self.service.settings.access_log:
            fields = {
                "request_id": context.request_id,
                "status": status,
                "seconds": round(seconds, 6),
            }
            _log.info("request", extra={"fields": fields})

    def at_once(
        self, asked: Asked, passed: str | None, body: bytes
    ) -> tuple[bytes, str, str] | None:
        """Answer a usual request of few rows here and now: body, Content-Type and request id.

        `passed` is the id that its Content-Type has. None leaves it, untouched, to `__call__`:
        whatever is unusual, would wait, or is refused.
        """
        start, service = time.perf_counter(), self.service
        stage = service.stage
        if stage is None or service.batcher is not None:
            return None
        if len(body) > service.settings.body_bytes or not service.inline(len(body)):
            return None
        given = asked.id if passed is None else passed
        found = stage.at_once(body, asked.kind, asked.accept, given, passed=passed is not None)
        if found is None:
            return None
        service.metrics.observe(200, time.perf_counter() - start)
        return (*found, given)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, context: Context, headers: Headers
    ) -> int:
        try:
            self.service.ready()
            if b"content-encoding" in headers.raw:
                _refuse_encoding(headers["content-encoding"])
            with Share(self.service.store) as share:
                body = await read(receive, headers, self.service.settings.body_bytes, share)
                if body is None:
                    return CLIENT_LEFT
                accept = headers.raw.get(b"accept")
                found, kind = await self.service.answer(
                    body,
                    _content_type(headers),
                    None if accept is None else accept.decode("latin-1"),
                    context,
                )
        except StageError as error:
            return await self._refuse(scope, send, error, context.request_id)
        except asyncio.CancelledError:  # uvicorn's, once the time to drain is over
            stopping = NotReady("the stage is stopping, and this took longer than it could wait")
            return await self._refuse(scope, send, stopping, context.request_id)
        except Exception:  # noqa: BLE001 (the last line of defence: no traceback leaves)
            _log.exception(
                "the server failed", extra={"fields": {"request_id": context.request_id}}
            )
            failure = StageFailed(f"the server failed; the log has request {context.request_id}")
            return await self._refuse(scope, send, failure, context.request_id)
        await _respond(
            send,
            200,
            found,
            (b"content-type", kind.encode("latin-1")),
            (b"x-request-id", context.request_id.encode("ascii")),
        )
        return 200

    async def _refuse(self, scope: Scope, send: Send, error: StageError, request_id: str) -> int:
        shape = error.as_json(stage=self.service.name, request_id=request_id)
        headers = [
            (b"content-type", b"application/json"),
            (b"x-request-id", request_id.encode("ascii")),
        ]
        if error.retry_after is not None:
            headers.append((b"retry-after", str(error.retry_after).encode()))
        if isinstance(error, MethodNotAllowed):
            headers.append((b"allow", ", ".join(_METHODS[scope["path"]]).encode()))
        body = b"" if scope["method"] == "HEAD" else orjson.dumps(shape, default=str)
        await _respond(send, error.status, body, *headers)
        fields = {
            "request_id": request_id,
            "status": error.status,
            "code": error.code,
            "rows": len(error.rows),
        }
        _log.debug("refused", extra={"fields": fields})
        return error.status


def _id(headers: Headers) -> str:
    """Return the caller's id, else a new one."""
    given = headers.raw.get(b"x-request-id")
    return new_id() if given is None else checked(given.decode("latin-1"))


def _refuse_encoding(encoding: str) -> None:
    if encoding and encoding.lower() != "identity":
        raise UnsupportedMedia(
            f"the Content-Encoding {encoding!r} is not decoded here; send the body as it is"
        )


def _content_type(headers: Headers) -> str:
    found = headers.raw.get(b"content-type")
    if headers.types:
        types = " and ".join(repr(each.decode("latin-1")) for each in headers.types)
        raise Malformed(f"the request states more than one Content-Type: {types}")
    if not found:
        raise UnsupportedMedia("the request states no Content-Type; say for instance 'text/csv'")
    return found.decode("latin-1")


def _method(scope: Scope) -> MethodNotAllowed:
    path, allowed = scope["path"], _METHODS[scope["path"]]
    return MethodNotAllowed(f"{path} takes {' or '.join(allowed)}, not {scope['method']}")


async def _respond(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", str(len(body)).encode("ascii"))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
