"""Builds the rooms' images from a checkout, as `docker build` by hand does, with revision and version told."""

from __future__ import annotations

import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from stagewire_pipeline.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOMS = ("featurizer", "predictor", "local")


def checkout() -> Path:
    """Find the repository's root: around this package's own project, or the working directory.

    Raises:
        ImageError: it is in neither place.

    """
    places = (Path(__file__).parents[3], Path.cwd())
    found = next((each for each in places if (each / ROOMS[0] / "Dockerfile").is_file()), None)
    if found is None:
        looked = ", ".join(map(str, places))
        raise ImageError(f"images are built from a checkout of Stagewire (looked in {looked})")
    return found


def name(room: str) -> str:
    """Name a room's image without its tag."""
    return f"stagewire/{room}"


def build(room: str, *, root: Path, options: Sequence[str] = ()) -> str:
    """Build one image, tagged `latest` and with the version; returns its name.

    Raises:
        ImageError: there is no Docker, or the build failed; its output has been shown.

    """
    if shutil.which("docker") is None:
        raise ImageError("there is no `docker` on the path; install Docker with BuildKit")
    release = version("stagewire")
    command = ["docker", "build", "--file", f"{room}/Dockerfile"]
    command += ["--tag", f"{name(room)}:latest", "--tag", f"{name(room)}:{release}"]
    command += ["--build-arg", f"VERSION={release}", "--build-arg", f"REVISION={revision(root)}"]
    done = subprocess.run([*command, *options, "."], cwd=root, check=False)
    if done.returncode:
        raise ImageError(f"docker build of {name(room)} ended with {done.returncode}")
    return name(room)


def revision(root: Path) -> str:
    """Return the commit that is checked out; `unknown` outside of git."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    command = [git, "-C", str(root), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
