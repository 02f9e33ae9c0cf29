"""What every room's tests share: how hypothesis draws, and the loop."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# A shared machine is slow at odd moments: an example is judged by its result, never by its time.
settings.register_profile("stagewire", deadline=None)
# The same examples in each run, so that CI blames the change and not the draw.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "stagewire")


@pytest.fixture(scope="session")
def anyio_backend():
    """Coroutines are tested on asyncio, the only loop that the servers run on."""
    return "asyncio"


@pytest.fixture(scope="session")
def abalone():
    """The data set that stands in the project."""
    return Path(__file__).parents[1] / "pipeline" / "data" / "abalone.csv"


@pytest.fixture(scope="session")
def stagewire():
    """What runs the command line as a user does; returns its output, or fails with it."""

    def run(*arguments):
        command = [sys.executable, "-m", "stagewire_pipeline", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def trained(stagewire, abalone, tmp_path_factory):
    """Both stages trained on abalone and packaged, by the project's own commands."""
    out = tmp_path_factory.mktemp("trained")
    stagewire("train", "--data", abalone, "--out", out)
    stagewire("package", "--out", out)
    return out
