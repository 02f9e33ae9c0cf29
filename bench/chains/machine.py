"""The facts of a run: the machine, the versions, the commit and the day."""

from __future__ import annotations

import datetime as dt
import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chains import load, models, sources
from chains.absent import Absent
from chains.places import ROOT, STAGES

if TYPE_CHECKING:
    from chains.results import Results

LIBRARIES: Final = (
    "numpy",
    "pandas",
    "scikit-learn",
    "xgboost-cpu",
    "pyarrow",
    "uvicorn",
    "uvloop",
)


def note(results: Results) -> None:
    """Write the facts down, once a file of measurements.

    Raises:
        Absent: the file holds measurements of other code.

    """
    measured = sources.digest(("shared", *STAGES), *load.SOURCES)
    for each in results.of(kind="facts"):
        if each.get("sources") != measured:
            msg = f"{results.path} holds measurements of other code: --fresh forgets them, --into names another file"
            raise Absent(msg)
        return
    results.add(
        kind="facts",
        contender="",
        round=0,
        day=dt.datetime.now(dt.UTC).date().isoformat(),
        commit=_commit(),
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        # The rest of a kernel's name is its owner's business.
        system=f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        python=platform.python_version(),
        libraries={name: version(name) for name in LIBRARIES},
        load=os.getloadavg()[0],
        model=models.facts(),
        sources=measured,
    )


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    command = [git, "-C", str(ROOT), "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
