"""Tells requests apart: the runtime, the control plane, and the AWS around them, on one port."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from stagewire_local.logs import PATH

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stagewire_local.asgi import Receive, Scope, Send

    App = Callable[[Scope, Receive, Send], Awaitable[None]]

# The scope of a signature (version 4), in a header or, presigned, in the query.
SCOPE = re.compile(r"/\d{8}/[^/]+/([^/]+)/aws4_request")
# Version 2, which old clients still presign S3 URLs with.
SECOND = re.compile(r"^AWS |(^|&)AWSAccessKeyId=")
OURS = "sagemaker"  # signing name of both SageMaker and SageMaker Runtime
TARGET = b"SageMaker."
# Where unsigned requests (curl, a browser) are the runtime's.
ROUTES = re.compile(r"/(endpoints/.*|_stagewire/.*|invocations|ping)?")


class Box:
    """An ASGI application made of four.

    The path cannot decide: an S3 object may be called endpoints/x/invocations. The signature's
    scope does; of what is not signed at all, the runtime has its own routes.
    """

    def __init__(self, *, runtime: App, control: App, cloud: App, logs: App) -> None:
        self._runtime = runtime
        self._control = control
        self._cloud = cloud
        self._logs = logs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            raise NotImplementedError(f"the box speaks http, not {scope['type']}")
        await self._chosen(scope)(scope, receive, send)

    def _chosen(self, scope: Scope) -> App:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if headers.get(b"x-amz-target", b"").startswith(TARGET):
            return self._control
        service = signed(scope, headers)
        if service is None:
            service = "s3" if public(scope, headers) else OURS
        if service != OURS:
            return self._cloud
        return self._logs if scope["path"].startswith(PATH) else self._runtime


def public(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Tell whether an unsigned request is for S3: public objects, and forms that upload one.

    S3 has no other POST without a query, so that one to a mistyped path is the runtime's to refuse.
    """
    if ROUTES.fullmatch(scope["path"]):
        return False
    form = headers.get(b"content-type", b"").startswith(b"multipart/form-data")
    return bool(form or scope["query_string"] or scope["method"] != "POST")


def signed(scope: Scope, headers: dict[bytes, bytes]) -> str | None:
    """Return the service that a request is signed for, None when it is not signed."""
    raw: bytes = headers.get(b"authorization") or scope["query_string"]
    if not raw:
        return None
    text = unquote(raw.decode("latin-1"))
    found = SCOPE.search(text)
    if found:
        return found[1]
    return "s3" if SECOND.search(text) else None
