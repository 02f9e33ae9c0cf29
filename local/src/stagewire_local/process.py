"""The driver `process`: each container is a stage of this Python, in a process group of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from stagewire_local import archive
from stagewire_local.bundle import short
from stagewire_local.driver import Address, ContainerSpec, StartError
from stagewire_local.limits import Limits
from stagewire_local.ports import NoPortsError
from stagewire_local.tail import Tail
from stagewire_local.warden import Warden, sent

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from stagewire_local.ports import Block, Ports

GROUP = "stagewire.stages"
# Of this process's environment a stage gets only what running at all needs: a container on the
# platform would not see the rest either.
KEPT = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"),
    *("PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH"),
)


def stages() -> dict[str, str]:
    """Map the name of every installed stage to its module."""
    return {point.name: point.value for point in entry_points(group=GROUP)}


@dataclass(frozen=True, kw_only=True)
class Running:
    """One started container with all that has to be given back."""

    process: Process
    block: Block
    base: Path
    tail: Tail
    follower: asyncio.Task[None]


class ProcessDriver:
    """Runs `python -m MODULE serve` for the stage that an image's name says; no Docker needed.

    `root` is a folder of this driver's own; `modules` maps stages to modules (default: installed
    ones); `environ` is what the processes inherit from.
    """

    def __init__(
        self,
        root: Path,
        *,
        ports: Ports,
        environ: Mapping[str, str],
        modules: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._root = root
        self._ports = ports
        self._environ = {key: environ[key] for key in KEPT if key in environ}
        self.modules = stages() if modules is None else modules
        self._limits = limits or Limits()
        self._warden = Warden()
        self._running: dict[Address, Running] = {}
        self._count = 0

    async def start(self, spec: ContainerSpec) -> Address:
        """Unpack the model, start the process. Raises StartError."""
        module = self._module(spec.image)
        self._count += 1
        base = self._root / f"{spec.instance}-{spec.hostname}-{self._count}"
        await self._unpacked(spec, base)
        try:
            block = self._ports.take()
        except NoPortsError as error:
            archive.remove(base)
            raise StartError(str(error)) from error
        environment = self._environment(spec, base=base, block=block)
        try:
            process = await asyncio.create_subprocess_exec(
                # -P: the working folder is not searched for modules.
                *(sys.executable, "-P", "-m", module, "serve"),
                env=environment,
                cwd=base,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                # Its own session: Ctrl-C reaches the door alone, which first lets requests finish.
                start_new_session=True,
            )
        except BaseException as error:
            self._ports.release(block)
            archive.remove(base)
            if isinstance(error, OSError):
                raise StartError(f"{module} cannot be started: {error}") from error
            raise
        address = Address("127.0.0.1", block.bind)
        self._running[address] = self._adopt(process, spec=spec, base=base, block=block)
        return address

    async def stop(self, address: Address) -> None:
        """SIGTERM, and SIGKILL to the whole group when the platform's 30 s have passed."""
        running = self._running.pop(address, None)
        if running is None:
            return
        process = running.process
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._limits.stop_seconds):
                await process.wait()
        except TimeoutError:
            running.tail.lines.append(f"killed: did not stop in {self._limits.stop_seconds:g} s")
        finally:
            # Also after a clean exit: a server's workers must not outlive their master.
            sent(process.pid, signal.SIGKILL)
            self._warden.forget(process.pid)
            self._ports.release(running.block)
        await process.wait()
        await asyncio.wait([running.follower], timeout=1)
        running.follower.cancel()
        await asyncio.to_thread(archive.remove, running.base)

    async def died(self, address: Address) -> str:
        """Wait for the process to end, and name its exit code or signal."""
        running = self._running[address]
        code = await running.process.wait()
        # The last lines are often the reason; give the pipe a moment to empty.
        await asyncio.wait([running.follower], timeout=1)
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"exited with code {code}"

    def alive(self, address: Address) -> bool:
        """Tell whether the process runs."""
        running = self._running.get(address)
        return running is not None and running.process.returncode is None

    def logs(self, address: Address) -> Sequence[str]:
        """Return the last lines of a container; of an unknown one none."""
        running = self._running.get(address)
        return tuple(running.tail.lines) if running else ()

    async def close(self) -> None:
        """Stop all at once, then let the warden go."""
        await asyncio.gather(*(self.stop(address) for address in list(self._running)))
        await asyncio.to_thread(self._warden.close)

    def _module(self, image: str) -> str:
        try:
            return self.modules[short(image)]
        except KeyError:
            known = ", ".join(sorted(self.modules)) or "none"
            raise StartError(
                f"image '{image}' names no installed stage (installed: {known})"
            ) from None

    async def _unpacked(self, spec: ContainerSpec, base: Path) -> None:
        work = asyncio.create_task(asyncio.to_thread(self._unpack, spec, base))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            # A thread cannot be cancelled, and what it writes must not be left.
            await asyncio.wait([work])
            if work.exception() is None:
                await asyncio.to_thread(archive.remove, base)
            raise

    def _unpack(self, spec: ContainerSpec, base: Path) -> None:
        try:
            if spec.model_data is not None:
                archive.unpack(spec.model_data, base / "model")
            (base / "model").mkdir(parents=True, exist_ok=True)
        except (archive.ArchiveError, OSError) as error:
            archive.remove(base)
            raise StartError(str(error)) from error

    def _environment(self, spec: ContainerSpec, *, base: Path, block: Block) -> dict[str, str]:
        return {
            **self._environ,
            # Two stages share this machine's cores; a second thread each only makes both wait.
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "STAGEWIRE_HOST": "127.0.0.1",
            **spec.environment,
            "SAGEMAKER_BASE_DIR": str(base),
            "SAGEMAKER_BIND_TO_PORT": str(block.bind),
            "SAGEMAKER_SAFE_PORT_RANGE": block.safe_range,
        }

    def _adopt(self, process: Process, *, spec: ContainerSpec, base: Path, block: Block) -> Running:
        self._warden.watch(process.pid)
        tail = Tail(f"{spec.instance}/{spec.hostname}")
        if process.stdout is None:
            raise RuntimeError("a process started with a pipe has no pipe")
        follower = asyncio.create_task(tail.follow(process.stdout))
        return Running(process=process, block=block, base=base, tail=tail, follower=follower)
