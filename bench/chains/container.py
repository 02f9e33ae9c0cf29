"""A stage as a container: the command that runs it in the foreground, and what Docker says of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from chains.absent import Absent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def command(image: str, *, name: str, model: Path, environ: Mapping[str, str]) -> list[str]:
    """Return what runs an image on the host's network: no proxy of Docker's is measured with it."""
    found = ["docker", "run", "--rm", "--name", name, "--network", "host"]
    found += ["--volume", f"{model}:/opt/ml/model:ro"]
    for key, value in environ.items():
        found += ["--env", f"{key}={value}"]
    return [*found, image, "serve"]


def environ() -> dict[str, str]:
    """Return what the docker program needs of this process's environment."""
    return {key: value for key, value in os.environ.items() if key.startswith("DOCKER_")}


def pid(name: str) -> int:
    """Return the process id of a running container, as this machine counts."""
    return int(_docker("container", "inspect", "--format", "{{.State.Pid}}", name))


def size(image: str) -> int:
    """Return an image's size in bytes.

    Raises:
        Absent: there is no engine or no such image.

    """
    return int(_docker("image", "inspect", "--format", "{{.Size}}", image))


def _docker(*arguments: str) -> str:
    program = shutil.which("docker")
    if program is None:
        msg = "docker absent: the containers need a Docker Engine"
        raise Absent(msg)
    found = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if found.returncode:
        reason = found.stderr.strip() or "no answer"
        msg = f"docker {' '.join(arguments[:2])}: {reason} (images are built by: make images)"
        raise Absent(msg)
    return found.stdout.strip()
