"""The drill with real containers: killed one by one, by instance, and with their door."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.containers

DRILL = Path(__file__).parents[2] / "bench" / "drill.py"
CLEAN = {"answer", "ModelError", "ServiceUnavailable"}


def test_containers_die_and_every_request_has_an_answer_or_a_clean_error(engine):
    """Whichever dies, its instance is replaced; a killed door takes all of them with it."""
    done = subprocess.run(
        [sys.executable, str(DRILL), "--requests=1000", "--driver=docker", "--json"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=dict(os.environ),
    )

    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    for drill in ("container", "instance"):
        assert set(report[drill]["seen"]) <= CLEAN
        assert report[drill]["seen"]["answer"] > 500
    assert set(report["door"]["seen"]) <= CLEAN | {"connection"}
    assert report["door"]["seen"]["connection"] > 0
    assert "emptied_s" in report["door"]
