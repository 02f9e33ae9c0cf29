"""An environment for each contender, from a lock of versions and hashes, built once and kept."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from chains import container, sources
from chains.absent import Absent
from chains.places import BIN, BUILD, CONTENDERS, ROOT, STAGES

if TYPE_CHECKING:
    from pathlib import Path

    from chains.contenders import Contender

# The projects' own folders that each of our stages is installed from, the wire first.
ROOMS: Final = {stage: ("shared", stage) for stage in STAGES}


def ready(contender: Contender) -> None:
    """Build or find all that a contender needs.

    Raises:
        Absent: what it needs is not on this machine, or cannot be installed.

    """
    for stage in STAGES:
        if contender.image:
            container.size(contender.image.format(stage=stage))
        else:
            python(contender, stage)
    if contender.environment == "classic":
        nginx()


def python(contender: Contender, stage: str) -> Path:
    """Return the Python of a contender's stage, building its environment if need be.

    Raises:
        Absent: what it needs is not on this machine, or cannot be installed.

    """
    name = stage if contender.environment == "ours" else contender.environment
    folder = BUILD / "envs" / name
    stamp, wanted = folder / "built", _wanted(name)
    if not stamp.is_file() or stamp.read_text() != wanted:
        _build(folder, name)
        stamp.write_text(wanted)
    return folder / "bin" / "python"


def size(contender: Contender, stage: str) -> int:
    """Return the bytes of a stage's image, or of its environment where it is no container."""
    if contender.image:
        return container.size(contender.image.format(stage=stage))
    folder = python(contender, stage).parents[1]
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def nginx() -> str:
    """Return nginx's path.

    Raises:
        Absent: there is none.

    """
    # Debian keeps it where only root's PATH looks.
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        msg = "nginx absent: install it (apt-get install nginx-light) to compare with the classic pair"
        raise Absent(msg)
    return found


def _lock(name: str) -> Path:
    return (ROOT if name in STAGES else CONTENDERS) / name / "requirements.lock"


def _wanted(name: str) -> str:
    """Return what an environment depends on, as one digest."""
    return sources.digest(ROOMS.get(name, ()), _lock(name))


def _build(folder: Path, name: str) -> None:
    print(f"building the environment {name}", file=sys.stderr, flush=True)
    if not (folder / "bin" / "python").exists() or name not in STAGES:
        _uv("venv", "--quiet", "--clear", "--python", str(BIN / "python"), str(folder))
    # The lock is whole: --no-deps keeps a pin that cannot be met from stopping the rest (BentoML's certifi).
    install = ("pip", "install", "--quiet", "--python", str(folder / "bin" / "python"))
    install += ("--no-deps", "--compile-bytecode")
    _uv(*install, "--require-hashes", "-r", str(_lock(name)))
    if name in ROOMS:
        _uv(*install, "--reinstall", *(str(ROOT / room) for room in ROOMS[name]))


def _uv(*arguments: str) -> None:
    found = subprocess.run([BIN / "uv", *arguments], capture_output=True, text=True, check=False)
    if found.returncode:
        msg = f"uv {arguments[0]} failed: {found.stderr.strip()[-600:]}"
        raise Absent(msg)
