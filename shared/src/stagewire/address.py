"""The addresses a server wants, tried before it starts, so that one which cannot be had stops it by name."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from stagewire.errors import ConfigError

if TYPE_CHECKING:
    from stagewire.settings import Settings


def check(found: Settings) -> None:
    """Try the port, and the one of the metrics.

    Raises:
        ConfigError: the host is none of this machine's, or a port is another's; names key and value.

    """
    wanted = {
        "SAGEMAKER_BIND_TO_PORT": found.port,
        "STAGEWIRE_METRICS_PORT": found.metrics_port,
    }
    for key, port in wanted.items():
        if port is not None:
            _try(found.host, key, port)


def _try(host: str, key: str, port: int) -> None:
    family, address = _address(host, port)
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        # As servers do: the port of one that has just ended is free.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(address)
        except OSError as error:
            raise ConfigError(
                f"{key} has the value '{port}'; it must be a port that can be had at {host} ({error.strerror})"
            ) from error


def _address(host: str, port: int) -> tuple[socket.AddressFamily, tuple[object, ...]]:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.bind((address[0], 0, *address[2:]))
    except (OSError, UnicodeError) as error:  # the latter for a name like a..b, which no host has
        reason = error.strerror if isinstance(error, OSError) else "it is not a host name"
        raise ConfigError(
            f"STAGEWIRE_HOST has the value {host!r}; it must be an address of this machine ({reason})"
        ) from error
    return family, address
