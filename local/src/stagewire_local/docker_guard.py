"""Removes a door's containers when the door dies without having been able to (SIGKILL, a crash).

Like the warden of processes: a small process reads a pipe whose other end only the door has. When
the pipe ends, which the kernel guarantees however the door ended, it removes what is labelled as the
door's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DONE = b"done"  # what a door says that has removed everything itself


class Guard:
    """The door's side; `environ` is what the other process finds the engine by."""

    def __init__(self, environ: Mapping[str, str], *, door: str) -> None:
        # In a session of its own, so that Ctrl-C in a terminal does not reach it before the door
        # has finished.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stagewire_local.docker_guard", door],
            env={**environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Let the other process go; nothing is left to do for it."""
        self._process.communicate(DONE)


def main() -> None:
    """Wait for the end of standard input; then remove what the door named by argument left."""
    if sys.stdin.buffer.read() == DONE:
        return
    # The SDK takes tens of MB, which nobody needs while all is well.
    from stagewire_local.docker_engine import connected, sweep

    sweep(connected(os.environ), door=sys.argv[1])


if __name__ == "__main__":
    main()
