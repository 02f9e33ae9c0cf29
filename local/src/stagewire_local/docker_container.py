"""Makes one container in an engine as the platform would run it; all calls block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from docker.errors import ImageNotFound
from docker.types import LogConfig

from stagewire_local import archive
from stagewire_local.docker_engine import FLAWS, explained, labels, removed
from stagewire_local.docker_model import filled, mount
from stagewire_local.driver import StartError
from stagewire_local.image import candidates, missing_label
from stagewire_local.instances import resources
from stagewire_local.limits import MIB
from stagewire_local.ports import CLASSIC

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docker import DockerClient
    from docker.models.containers import Container
    from docker.models.volumes import Volume

    from stagewire_local.driver import ContainerSpec
    from stagewire_local.instances import Resources
    from stagewire_local.ports import Block

TAKEN = ("port is already allocated", "address already in use")  # what engines say of a port
# The engine keeps the log on disk beside ours in memory; a chatty container must not fill it.
LOG = LogConfig(type=LogConfig.types.JSON, config={"max-size": "10m", "max-file": "1"})


class TakenError(StartError):
    """A port that was free a moment ago is in use."""


@dataclass(frozen=True, kw_only=True)
class Factory:
    """What every container of a door is made with; `pushed` maps image names to local ones."""

    client: DockerClient
    door: str
    host: Resources
    pushed: Mapping[str, str]

    def image(self, spec: ContainerSpec) -> str:
        """Find the image's id, and check its label. Raises StartError."""
        names = candidates(spec.image, pushed=self.pushed)
        for name in names:
            try:
                found = self.client.images.get(name)
            except ImageNotFound:
                continue
            except FLAWS as error:
                raise StartError(explained(error)) from error
            refusal = missing_label(spec.image, found.labels) if len(spec.siblings) > 1 else None
            if refusal:
                raise StartError(refusal)
            return str(found.id)
        raise StartError(f"the engine has no image '{spec.image}' (looked for {', '.join(names)})")

    def model(self, spec: ContainerSpec, *, image: str) -> Volume | None:
        """Put the model into a volume. Raises StartError."""
        if spec.model_data is None:
            return None
        try:
            return filled(self.client, spec.model_data, image=image, labels=self._labels(spec))
        except archive.ArchiveError as error:
            raise StartError(str(error)) from error
        except FLAWS as error:
            raise StartError(f"{spec.model_data} cannot be unpacked: {explained(error)}") from error

    def start(
        self,
        spec: ContainerSpec,
        *,
        image: str,
        volume: Volume | None,
        blocks: Sequence[Block],
        owner: Container | None,
    ) -> Container:
        """Create and start a container. Raises StartError, and leaves none then.

        The first one of an instance (`owner` is None) has its network and publishes all ports.
        """
        room = resources(spec.instance_type, host=self.host)
        if spec.memory_mb is not None:
            room = replace(room, memory=min(room.memory, spec.memory_mb * MIB))
        container = None
        try:
            container = self.client.containers.create(
                image,
                ["serve"],
                environment=environment(spec, blocks=blocks),
                labels=self._labels(spec),
                mounts=[mount(volume)] if volume else [],
                nano_cpus=int(room.cpus * 1e9),
                mem_limit=room.memory,
                # An image may ask for another one; the platform sends SIGTERM.
                stop_signal="SIGTERM",
                log_config=LOG,
                hostname=None if owner else spec.hostname,
                network_mode=f"container:{owner.id}" if owner else "bridge",
                ports=None if owner else published(spec, blocks=blocks),
            )
            container.start()
        except FLAWS as error:
            if container:
                removed(container)
            message = f"image '{spec.image}' cannot be started: {explained(error)}"
            taken = any(words in message for words in TAKEN)
            raise (TakenError if taken else StartError)(message) from error
        return container

    def _labels(self, spec: ContainerSpec) -> dict[str, str]:
        return labels(self.door, instance=spec.instance, container=spec.hostname)


def stop(container: Container, *, seconds: float) -> None:
    """SIGTERM, and SIGKILL when the time has passed; one that has ended is left as it is."""
    container.stop(timeout=ceil(seconds))


def running(container: Container) -> bool:
    """Tell whether a container still runs, as far as the engine can say."""
    try:
        container.reload()
    except FLAWS:
        return False
    return bool(container.status == "running")


def environment(spec: ContainerSpec, *, blocks: Sequence[Block]) -> dict[str, str]:
    """Return a container's environment: the platform states a port only if there are several."""
    if len(spec.siblings) <= 1:
        return dict(spec.environment)
    block = blocks[spec.siblings.index(spec.hostname)]
    return {
        **spec.environment,
        "SAGEMAKER_BIND_TO_PORT": str(block.bind),
        "SAGEMAKER_SAFE_PORT_RANGE": block.safe_range,
    }


def published(
    spec: ContainerSpec, *, blocks: Sequence[Block]
) -> dict[str, int | list[int] | tuple[str, int] | None]:
    """Map the ports inside of an instance to those of this machine, on 127.0.0.1 only."""
    alone = len(spec.siblings) <= 1
    return {
        f"{CLASSIC if alone else block.bind}/tcp": ("127.0.0.1", block.bind) for block in blocks
    }
