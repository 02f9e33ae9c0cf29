"""What a process and all that it started take: CPU time and memory, as the kernel counts them."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
TICK: Final = os.sysconf("SC_CLK_TCK")
# In /proc/PID/stat, counted from the state, which follows the name in brackets.
PARENT, SESSION, TIMES = 1, 3, slice(11, 15)


@dataclass(frozen=True)
class Tree:
    """The processes of a session, with their descendants wherever those went."""

    root: int

    def pids(self) -> list[int]:
        """List the processes that there are now."""
        found = {pid: fields for pid, fields in _all().items() if fields[0] != "Z"}
        inside = {pid for pid, fields in found.items() if int(fields[SESSION]) == self.root}
        inside |= {self.root} & found.keys()
        while new := {p for p, fields in found.items() if int(fields[PARENT]) in inside} - inside:
            inside |= new
        return sorted(inside)

    def cpu(self) -> float:
        """Return the seconds of CPU time spent so far, by children that ended too."""
        stats = (_stat(pid) for pid in self.pids())
        return sum(sum(map(int, fields[TIMES])) for fields in stats if fields) / TICK

    def pss(self) -> float:
        """Return the proportional set size in MiB: a page that several share counts in parts."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        return total / 1024


def _all() -> dict[int, list[str]]:
    pids = [int(each.name) for each in PROC.iterdir() if each.name.isdigit()]
    return {pid: fields for pid in pids if (fields := _stat(pid))}


def _stat(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
