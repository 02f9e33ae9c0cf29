"""What a machine without a Docker Engine is told by the tests that need one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def without_engine(tmp_path):
    """Run tests that need an engine where none is; returns the exit status and what was written."""

    def run(**environ):
        folders = ["tests/containers/test_serving.py", "tests/containers/docker_driver"]
        command = [sys.executable, "-Im", "pytest", "-q", "-m", "containers", *folders]
        nobody = f"unix://{tmp_path}/nobody.sock"
        given = {**os.environ, "DOCKER_HOST": nobody, "REQUIRE_CONTAINERS": "0", **environ}
        done = subprocess.run(
            command, cwd=ROOT, env=given, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout.splitlines()

    return run


def test_they_skip_with_one_line(without_engine):
    """One line says why, how many, and nothing else is wrong."""
    status, lines = without_engine()

    told = [line for line in lines if line.startswith("SKIPPED")]
    assert (status, len(told)) == (0, 1)
    assert "no Docker Engine answers" in told[0]


def test_where_they_are_required_they_fail(without_engine):
    """A machine that must prove the images cannot pass by skipping."""
    status, lines = without_engine(REQUIRE_CONTAINERS="1")

    assert status == 1
    assert [line for line in lines if line.startswith("SKIPPED")] == []
