"""The driver `fixed`: containers that somebody else runs, compose for one, given by their URLs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stagewire_local.driver import Address, ContainerSpec, StartError

if TYPE_CHECKING:
    from collections.abc import Sequence


class FixedDriver:
    """Starts nothing: a spec's image is the URL of a container that is there already."""

    async def start(self, spec: ContainerSpec) -> Address:
        """Read the URL; whether anything listens there shows at the first ping."""
        return parse(spec.image)

    async def stop(self, address: Address) -> None:
        """Leave the container alone; it is not ours."""

    async def died(self, address: Address) -> str:
        """Never return: only pings can tell that a container elsewhere is gone."""
        await asyncio.Event().wait()
        return f"{address.url} is gone"

    def alive(self, address: Address) -> bool:
        """Assume that it runs, for the same reason."""
        return bool(address)

    def logs(self, address: Address) -> Sequence[str]:
        """Say where to look: the lines go to whoever started it."""
        return (f"{address.url} is not run by this door; see the log of what runs it",)

    async def close(self) -> None:
        """Nothing was started."""


def parse(url: str) -> Address:
    """Read "http://host:port" without a path, the port being 80 unless given.

    Raises StartError for anything else.
    """
    try:
        parts = urlsplit(url)
        port = 80 if parts.port is None else parts.port
    except ValueError as error:
        raise StartError(f"'{url}' is not a container's URL: {error}") from error
    more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme != "http" or not parts.hostname or not port or more:
        raise StartError(f"'{url}' is not a container's URL of the form http://HOST:PORT")
    return Address(parts.hostname, port)
