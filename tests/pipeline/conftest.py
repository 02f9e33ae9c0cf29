from __future__ import annotations

import os
from pathlib import Path

import pytest

from stagewire_pipeline.child import Stages

STUBS = Path(__file__).parent / "stubs"


@pytest.fixture
def environ(tmp_path):
    """An environment without credentials, in which the stub stage can be imported."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return {**kept, "PYTHONPATH": str(STUBS), "STAGEWIRE_HOME": str(tmp_path / "home")}


@pytest.fixture
def lines():
    """What the stages said."""
    return []


@pytest.fixture
def stages(environ, lines):
    """Both stages played by the stub."""
    modules = {"featurizer": "stub_stage", "predictor": "stub_stage"}
    return Stages(modules, environ, lines.append)


@pytest.fixture
def table(tmp_path):
    """A CSV file of 40 rows whose cells would not survive a guess at their types."""
    rows = [f'{i:05d},"a, {i}",{i}.50,{i % 3}' for i in range(40)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["code,words,size,target", *rows]) + "\n")
    return path
