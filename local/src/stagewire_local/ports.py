"""Hands out the ports that containers bind, as the platform does: from a safe range, never 8080."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Below Linux's ephemeral ports (32768 and up) and macOS's (49152 and up), so that no outgoing
# connection of this machine takes a port between our look and the container's bind.
SAFE_RANGE = (21000, 21999)
# The port to bind and nine more for the container's own use (SAGEMAKER_SAFE_PORT_RANGE): two
# containers of one host must never be offered the same one.
BLOCK = 10
PRIVILEGED = 1024  # ports below it need root
HIGHEST = 65535
CLASSIC = 8080  # what an image binds that ignores SAGEMAKER_BIND_TO_PORT; must not work by luck


class NoPortsError(Exception):
    """Every block of the safe range is taken."""


@dataclass(frozen=True)
class Block:
    """The ports of one container: the one to bind, and the inclusive range beside it."""

    bind: int
    last: int

    @property
    def safe_range(self) -> str:
        """The value of SAGEMAKER_SAFE_PORT_RANGE, in the platform's format "XXXX-YYYY"."""
        return f"{self.bind + 1}-{self.last}"


class Ports:
    """The blocks of a safe range, each taken by at most one container at a time."""

    def __init__(
        self,
        first: int = SAFE_RANGE[0],
        last: int = SAFE_RANGE[1],
        *,
        begin: int = 0,
        free: Callable[[int], bool] | None = None,
    ) -> None:
        if first < PRIVILEGED or not first + BLOCK - 1 <= last <= HIGHEST:
            raise ValueError(
                f"safe port range '{first}-{last}' must hold {BLOCK} ports of "
                f"{PRIVILEGED}-{HIGHEST}"
            )
        self._free = free or is_free
        self._blocks = [
            Block(bind, bind + BLOCK - 1)
            for bind in range(first, last - BLOCK + 2, BLOCK)
            if not bind <= CLASSIC < bind + BLOCK
        ]
        self._taken: set[Block] = set()
        # Two doors that start at once should not look at the same block first: a port is free
        # until the container, some tenths of a second later, binds it.
        self._next = begin % max(1, len(self._blocks))

    def take(self) -> Block:
        """Take the next block whose ports are free; blocks go round, so none is reused at once.

        Raises NoPortsError when there is none.
        """
        for step in range(len(self._blocks)):
            position = (self._next + step) % len(self._blocks)
            block = self._blocks[position]
            if block not in self._taken and self._is_free(block):
                self._next = position + 1
                self._taken.add(block)
                return block
        raise NoPortsError(f"none of the {len(self._blocks)} blocks of ports is free")

    def release(self, block: Block) -> None:
        """Give a block back; one that was not taken is ignored."""
        self._taken.discard(block)

    def _is_free(self, block: Block) -> bool:
        return all(self._free(port) for port in range(block.bind, block.last + 1))


def is_free(port: int, *, host: str = "127.0.0.1") -> bool:
    """Tell whether a server could listen on this port now."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections still linger is free to listen on.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
