"""Starts nginx and gunicorn as the published `serve` does, and ends when either ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType  # noqa: TC003 (the only import that an annotation needs)

HERE = Path(__file__).parent


def main() -> None:
    """Serve the stage that the first argument names."""
    stage = sys.argv[1]
    scratch, port = os.environ["SCRATCH"], os.environ["PORT"]
    # nginx's workers give up root, and have to reach the socket.
    Path(scratch).chmod(0o755)
    conf = Path(scratch, "nginx.conf")
    conf.write_text((HERE / "nginx.conf").read_text().format(scratch=scratch, port=port))
    gunicorn = [sys.executable, "-m", "gunicorn", "--chdir", str(HERE), "--timeout", "60"]
    gunicorn += ["-k", os.environ["WORKER_CLASS"], "-w", os.environ["WORKERS"]]
    gunicorn += ["-b", f"unix:{scratch}/gunicorn.sock", f"{stage}:app"]
    running = [
        subprocess.Popen([os.environ["NGINX"], "-e", f"{scratch}/error.log", "-c", str(conf)]),
        subprocess.Popen(gunicorn),
    ]

    def end(_number: int, _frame: FrameType | None) -> None:
        for each in running:
            each.terminate()
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    os.wait()
    end(0, None)


if __name__ == "__main__":
    main()
