"""The SageMaker control plane on the wire: JSON 1.1, as every SDK speaks it."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from stagewire_local import shapes
from stagewire_local.asgi import GoneError, Request
from stagewire_local.errors import RuntimeFault
from stagewire_local.faults import ControlFault, InternalServerException, SerializationException
from stagewire_local.limits import MIB

if TYPE_CHECKING:
    from datetime import datetime

    from stagewire_local.actions import Actions
    from stagewire_local.asgi import Receive, Scope, Send

PREFIX = "SageMaker."
# The largest request of these operations is 15 containers' environments; the platform's own
# maximum is not documented.
BODY_BYTES = 2 * MIB

log = logging.getLogger("stagewire.local.control")


class ControlPlane:
    """An ASGI application over the operations that this machine has."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every fault becomes an error that SDKs read."""
        request = Request(scope, receive)
        operation = (request.header("x-amz-target") or "").removeprefix(PREFIX)
        try:
            body = written(await self._call(operation, await asked(request)))
            status = 200
        except GoneError:
            return
        except ControlFault as fault:
            status, body = fault.status, fault.body()
        except RuntimeFault as fault:
            own = SerializationException(fault.message)
            status, body = own.status, own.body()
        except Exception:
            log.exception("the control plane failed at %s", operation)
            broken = InternalServerException("The door failed; its log has the reason.")
            status, body = broken.status, broken.body()
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": str(uuid4())}
        await request.respond(send, status=status, headers=headers, body=body)

    async def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        await asyncio.to_thread(shapes.service)  # read from disk once
        shapes.check(operation, request)
        return await self._actions.call(operation, request)


async def asked(request: Request) -> dict[str, Any]:
    """Read a request's JSON object. Raises SerializationException."""
    try:
        found: Any = json.loads(await request.body(limit=BODY_BYTES) or b"{}")
    except ValueError as error:
        raise SerializationException(f"The body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise SerializationException("The body is not a JSON object.")
    return {str(key): value for key, value in found.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- JSON


def written(answer: dict[str, Any]) -> bytes:
    """Write JSON 1.1, in which a moment is a number of seconds."""
    return json.dumps(answer, default=seconds).encode()


def seconds(moment: datetime) -> float:
    """Return the seconds since 1970."""
    return moment.timestamp()
