"""The same deployment by version 3 of the SageMaker SDK, in an environment of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "pipeline" / "notebooks" / "sdk3.py"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
PYTHON = os.environ.get("STAGEWIRE_SDK3")


@pytest.mark.sdk3
@pytest.mark.skipif(PYTHON is None, reason="no environment of version 3: make test-sdk3")
def test_version_3_deploys_the_same_endpoint(box, program):
    """Its answers are those of the program's own deployment, and it leaves nothing."""
    before = box.everything()
    program.good(box, "deploy", "--name", "ours", "--client", "boto3")
    ours = program.predicted(box, "ours")
    program.good(box, "delete", "ours")

    theirs = box.run(PYTHON, PROGRAM, program.out, ROLE)

    assert theirs.returncode == 0, theirs.stderr
    assert [float(line) for line in theirs.stdout.split()] == ours
    assert box.everything() == before
