"""Opens the driver `docker`, or says what this machine lacks for it; loads the SDK only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagewire_local.driver import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagewire_local.driver import Driver
    from stagewire_local.limits import Limits
    from stagewire_local.ports import Ports


def opened(
    environ: Mapping[str, str],
    *,
    door: str,
    ports: Ports,
    limits: Limits | None = None,
    pushed: Mapping[str, str] | None = None,
) -> Driver:
    """Connect to the engine that `environ` names and make a driver; it blocks for a moment.

    `door` names in labels what the driver makes; two doors that run need two names. The other
    arguments are those of DockerDriver. Raises EngineError.
    """
    try:
        from stagewire_local.docker_driver import DockerDriver
        from stagewire_local.docker_engine import Engine, connected
        from stagewire_local.docker_guard import Guard
    except ModuleNotFoundError as error:
        raise EngineError(
            f"the driver 'docker' needs the Python package '{error.name}'; install "
            "stagewire-local[docker] or use the driver 'process'"
        ) from error
    client = connected(environ)
    engine = Engine(client=client, door=door, guard=Guard(environ, door=door))
    return DockerDriver(engine, ports=ports, limits=limits, pushed=pushed)
