"""Shows the last lines of an endpoint's containers over HTTP, for `stagewire local logs`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stagewire_local.asgi import Request
from stagewire_local.errors import RuntimeFault

if TYPE_CHECKING:
    from stagewire_local.asgi import Receive, Scope, Send
    from stagewire_local.registry import Endpoint, Registry
    from stagewire_local.variant import Container

PATH = "/_stagewire/logs/"


class Logs:
    """An ASGI application over the registry; of a container that is gone it has the last lines."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            endpoint = self._registry.find(request.path.removeprefix(PATH))
        except RuntimeFault as fault:
            status, body = fault.status, fault.body()
        else:
            found = [written(each, endpoint=endpoint) for each in endpoint.containers()]
            status, body = 200, json.dumps({"containers": found}).encode()
        headers = {"Content-Type": "application/json"}
        await request.respond(send, status=status, headers=headers, body=body)


def written(container: Container, *, endpoint: Endpoint) -> dict[str, Any]:
    """Return what a container wrote."""
    lines = container.last_lines
    if container.address is not None:
        lines = endpoint.driver.logs(container.address)
    return {
        "instance": container.spec.instance,
        "hostname": container.spec.hostname,
        # Which of its lives they are of; while there is no process, the last one's last lines.
        "life": None if container.address is None else container.restarts,
        "lines": list(lines),
    }
