"""Ends the containers' processes when the door dies without having been able to (SIGKILL, a crash).

Linux's parent-death signal is not used: it needs code between fork and exec, reaches only the
direct child and not its workers, and does not exist on macOS. Instead one small process holds the
read end of a pipe whose write end only the door has. The door writes which process groups live;
at the end of the file, which the kernel guarantees however the door ended, the groups are ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

# The door is gone, so no answer can reach a caller any more; this only lets a stage flush a log.
GRACE_SECONDS = 2.0


class Warden:
    """The door's side: keeps the other process told, and starts it anew if it was killed."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, group: int) -> None:
        """End this process group if the door dies."""
        self._groups.add(group)
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Stop watching: the group is gone, and its number may be given to somebody else."""
        if group in self._groups:
            self._groups.discard(group)
            self._tell(f"-{group}\n")

    def close(self) -> None:
        """Let the other process go; groups still watched are ended."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
        self._process = None

    def _tell(self, line: str) -> None:
        if self._process is None or self._process.poll() is not None:
            self._process = start()
            line = "".join(f"+{group}\n" for group in sorted(self._groups))
        if self._process.stdin is not None:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def start() -> subprocess.Popen[bytes]:
    """Start the other process: isolated, without site packages, in a session of its own."""
    # In a session of its own Ctrl-C in a terminal does not reach it before the door has finished.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        # It outlives the door for a moment; a reader of the door's output must not wait for it.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def main() -> None:
    """Follow standard input to its end, then end the groups that are left."""
    groups: set[int] = set()
    for line in sys.stdin:
        number = int(line[1:])
        if line.startswith("+"):
            groups.add(number)
        else:
            groups.discard(number)
    end(groups)


def end(groups: set[int]) -> None:
    """Ask each group to stop, then stop what is left."""
    alive = {group for group in groups if sent(group, signal.SIGTERM)}
    deadline = time.monotonic() + GRACE_SECONDS
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        alive = {group for group in alive if sent(group, 0)}
    for group in alive:
        sent(group, signal.SIGKILL)


def sent(group: int, number: int) -> bool:
    """Signal a process group; False when nothing of it is left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return False
    return True


if __name__ == "__main__":
    main()
