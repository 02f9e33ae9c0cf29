"""A door in a process of its own, as `stagewire local up` runs it, with limits that a test can wait for."""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
from datetime import timedelta
from pathlib import Path

from stagewire_local.door import Door, listen
from stagewire_local.limits import Limits
from stagewire_local.sessions import now

given = json.loads(sys.argv[1])
if limit := given.get("file_bytes"):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
root = Path(given["root"])


def clock():
    """Tell the time, put forward by as many seconds as a test has written down."""
    ahead = root.with_suffix(".ahead")
    return now() + timedelta(seconds=float(ahead.read_text()) if ahead.exists() else 0)


logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
listener = listen("127.0.0.1", 0)
door = Door(
    bundles=(),
    root=root,
    environ=os.environ,
    limits=Limits(**given["limits"]),
    modules={"contract": "contract_stage"},
    driver=given["driver"],
    clock=clock,
)


def ready(_):
    """Write the port."""
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()


door.run(listener, ready=ready)
