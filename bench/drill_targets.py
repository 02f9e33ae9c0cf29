"""What a drill kills: processes by their ids, which the echoes tell, or containers of an engine."""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import tarfile
from pathlib import Path

DOCKERFILE = """FROM python:3.13-slim
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true
COPY echo_stage.py /
ENTRYPOINT ["python", "-u", "/echo_stage.py"]
"""


class Processes:
    """Containers of the driver `process`."""

    image = "echo"

    def __init__(self) -> None:
        self.pairs: dict[tuple[int, int], None] = {}

    def saw(self, answer: bytes) -> None:
        """Keep the two process ids of an instance, the newest last."""
        first, second = answer.split(b",")[1:]
        self.pairs.setdefault((int(first), int(second)))

    def kill(self, *, whole: bool) -> None:
        """Kill one process, or both of an instance, that live."""
        alive = [pair for pair in list(self.pairs) if all(map(lives, pair))]
        pair = random.choice(alive)  # noqa: S311 (any will do)
        for pid in pair if whole else [random.choice(pair)]:  # noqa: S311 (any will do)
            os.kill(pid, signal.SIGKILL)

    def left(self) -> int:
        """Count those that live."""
        return sum(lives(pid) for pid in {pid for pair in list(self.pairs) for pid in pair})


def lives(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc/self").exists()  # without /proc a zombie cannot be told apart


class Containers:
    """Containers of the driver `docker`, whose image is made here and removed at the end."""

    def __init__(self) -> None:
        import docker

        self.engine = docker.from_env()
        self.image = f"stagewire-drill-{os.getpid()}"
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as tar:
            echo = (Path(__file__).parent / "echo_stage.py").read_bytes()
            for name, content in (("Dockerfile", DOCKERFILE.encode()), ("echo_stage.py", echo)):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        context.seek(0)
        self.engine.images.build(fileobj=context, custom_context=True, tag=self.image, rm=True)

    def saw(self, answer: bytes) -> None:
        """Learn nothing: the engine knows."""

    def kill(self, *, whole: bool) -> None:
        """Kill one container, or all of an instance."""
        found = self.running()
        chosen = random.choice(found)  # noqa: S311 (any will do)
        label = "stagewire.local.instance"
        for each in found:
            same = each.labels[label] == chosen.labels[label] if whole else each == chosen
            if same:
                each.kill()

    def left(self) -> int:
        """Count those that run."""
        return len(self.running())

    def running(self) -> list:
        """List them."""
        filters = {"label": "stagewire.local=true", "ancestor": self.image}
        return self.engine.containers.list(filters=filters, ignore_removed=True)

    def close(self) -> None:
        """Remove the image."""
        self.engine.images.remove(self.image, force=True)
        self.engine.close()
