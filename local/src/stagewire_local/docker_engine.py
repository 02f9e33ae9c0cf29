"""Reaches the Docker Engine, says in words why it cannot, and removes what is labelled as ours."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from urllib3.exceptions import HTTPError

from stagewire_local.driver import EngineError
from stagewire_local.instances import Resources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import DockerClient
    from docker.models.volumes import Volume

    from stagewire_local.docker_guard import Guard

# On all that this program makes in an engine, so that it can find that and touch nothing else.
LABEL = "stagewire.local"
DOOR = "stagewire.local.door"  # the value names one door: two doors may share an engine
SECONDS = 60  # for one answer of the engine; the stop of a container gets its own time on top
POOL = 64  # connections kept: each running container holds one for its log
# What talking to an engine raises: its own answers, sockets, and urllib3 within a stream.
FLAWS = (DockerException, OSError, HTTPError)

log = logging.getLogger("stagewire.local.docker")


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine as one door uses it: everything made there is labelled with the door's name."""

    client: DockerClient
    door: str
    guard: Guard

    def close(self) -> None:
        """Close the connection, after everything has been removed."""
        self.guard.close()
        self.client.close()


def connected(environ: Mapping[str, str]) -> DockerClient:
    """Connect as the docker command does, by DOCKER_HOST or the context. Raises EngineError."""
    where = environ.get("DOCKER_HOST") or "the default socket"
    try:
        # A mapping that is empty would mean the environment of this process.
        given = {"DOCKER_HOST": "", **environ}
        client = docker.from_env(environment=given, timeout=SECONDS, max_pool_size=POOL)
        client.ping()
    except FLAWS as error:
        raise EngineError(
            f"no Docker Engine answers at {where} ({explained(error)}); start it, set DOCKER_HOST "
            "or use the driver 'process'"
        ) from error
    return client


def capacity(client: DockerClient) -> Resources:
    """Return the cpus and the memory of the machine that the engine runs on."""
    about = client.info()
    return Resources(about["NCPU"], about["MemTotal"])


def explained(error: Exception) -> str:
    """Return the engine's own words without the URL and the status that the SDK adds."""
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation)
    return str(error) or type(error).__name__


def labels(door: str, **more: str) -> dict[str, str]:
    """Make the labels of something that a door makes."""
    return {LABEL: "true", DOOR: door, **{f"{LABEL}.{key}": more[key] for key in more}}


def sweep(client: DockerClient, *, door: str) -> int:
    """Remove the containers and volumes of one door, and return how many there were."""
    chosen: dict[str, Any] = {"label": [f"{LABEL}=true", f"{DOOR}={door}"]}
    containers = client.containers.list(all=True, filters=chosen, ignore_removed=True)
    for container in containers:
        removed(container)
    volumes = client.volumes.list(filters=chosen)
    for volume in volumes:
        removed(volume)
    return len(containers) + len(volumes)


def removed(thing: Container | Volume) -> None:
    """Remove a container or a volume; that it is gone already is what was wanted."""
    try:
        if isinstance(thing, Container):
            thing.remove(force=True, v=True)
        else:
            thing.remove(force=True)
    except NotFound:
        log.debug("%s is gone already", thing.id)
    except APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:
            raise
        log.debug("%s is being removed already: %s", thing.id, explained(error))
