"""The AWS around the endpoints: moto (S3, SNS, SQS, IAM, STS, ECR, …) as an ASGI application."""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from stagewire_local import stacks

if TYPE_CHECKING:
    from collections.abc import Callable

    from a2wsgi import WSGIMiddleware

    from stagewire_local.asgi import Receive, Scope, Send

THREADS = 8  # moto works under Python's lock: more threads only wait for each other

log = logging.getLogger("stagewire.local.cloud")


class Cloud:
    """Loaded at the first request: it costs 1 s and 60 MB, which many doors never need.

    What it holds lives in this process's memory and is gone with it.
    """

    def __init__(self) -> None:
        self._app: WSGIMiddleware | None = None
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        async with self._lock:
            if self._app is None:
                self._app = await in_own_thread(loaded)
        app: Any = self._app
        await app(scope, receive, send)

    def close(self) -> None:
        """Let its threads go."""
        if self._app is not None:
            self._app.executor.shutdown(wait=False)


async def in_own_thread(load: Callable[[], WSGIMiddleware]) -> WSGIMiddleware:
    """Load in a thread of its own: all threads of the loop may be waiting for what it loads."""
    thread = ThreadPoolExecutor(1)
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, load)
    finally:
        thread.shutdown(wait=False)


def loaded() -> WSGIMiddleware:
    """Import moto and mount it."""
    from a2wsgi import WSGIMiddleware
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    app: Any = DomainDispatcherApplication(backend)
    return WSGIMiddleware(app, workers=THREADS)


def backend(service: Any) -> Any:
    """Make moto's application for a service, with errors that SDKs can read instead of HTML."""
    from moto.moto_server.werkzeug_app import create_backend_app

    app: Any = create_backend_app(service)

    def checked() -> Any:
        from flask import request

        why = stacks.refusal(request.form)
        return why and answer(app, 400, "UnsupportedOperation", why)

    def missing(error: NotImplementedError) -> Any:
        text = str(error) or "This operation"
        return answer(app, 400, "UnsupportedOperation", f"{text} ({service}) is not in this box.")

    def broken(error: Exception) -> Any:
        # What werkzeug raises on purpose (404, redirects) has a response of its own.
        if hasattr(error, "get_response"):
            return error
        log.error("%s failed", service, exc_info=error)
        return answer(app, 500, "InternalFailure", f"{service} of this box failed: {error!r}")

    if service == "cloudformation":
        app.before_request(checked)
    app.register_error_handler(NotImplementedError, missing)
    app.register_error_handler(Exception, broken)
    return app


def answer(app: Any, status: int, code: str, message: str) -> Any:
    """Write an error in the protocol that the request is in."""
    from flask import request

    if "json" in (request.content_type or ""):
        body = json.dumps({"__type": code, "message": message})
        kind = "application/x-amz-json-1.1"
    else:
        body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        if app.service != "s3":
            body = f"<ErrorResponse>{body}</ErrorResponse>"
        kind = "text/xml"
    headers = {"x-amzn-ErrorType": code, "Content-Type": kind}
    return app.response_class(body, status=status, headers=headers)
