"""How many CPUs this container may use, which bounds every pool; os.cpu_count() knows only the host's."""

from __future__ import annotations

import math
import os
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def cpus(root: Path = _ROOT) -> int:
    """Return the CPU quota rounded up, at least 1, at most the CPUs this process may run on."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, math.ceil(min(available or 1, quota(root))))


def quota(root: Path = _ROOT) -> float:
    """Return the CPU quota in CPUs by cgroup v2 or else v1, infinity when there is none."""
    limit, period = _words(root / "cpu.max", 2)
    if limit is None:
        (limit,) = _words(root / "cpu/cpu.cfs_quota_us", 1)
        (period,) = _words(root / "cpu/cpu.cfs_period_us", 1)
    try:
        found = float(limit or "max") / float(period or "nan")
    except (ValueError, ZeroDivisionError):
        return math.inf
    return found if found > 0 else math.inf


def _words(path: Path, count: int) -> tuple[str | None, ...]:
    try:
        words = path.read_text().split()
    except OSError:
        words = []
    return tuple((words + [None] * count)[:count])
