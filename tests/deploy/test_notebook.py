"""The deploy notebook, run from its first cell to its last against this machine."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "pipeline" / "notebooks" / "deploy.ipynb"
# nbclient's own program, by the interpreter that runs this.
RUN = (sys.executable, "-c", "from nbclient.cli import main; main()", "--timeout=300")
NEEDED = ("sagemaker", "nbclient", "ipykernel", "matplotlib")
# What is to stand in the outputs: an answer, a refusal's place, an update's empty line, the end.
TOLD = ("rings", "column 'length' 'wide' is not a number", "2 endpoints, 3 conf")

needs_the_sdk = pytest.mark.skipif(
    any(find_spec(each) is None for each in NEEDED),
    reason=f"needs {', '.join(NEEDED)}: make test-notebook",
)


def cells(path, kind):
    """Return a notebook's cells of a kind."""
    return [each for each in json.loads(path.read_text())["cells"] if each["cell_type"] == kind]


def shown(path):
    """Return all text that a notebook's cells showed, and the kinds of what they showed."""
    outputs = [each for cell in cells(path, "code") for each in cell["outputs"]]
    data = [each.get("data", {"text/plain": each.get("text", [])}) for each in outputs]
    text = "".join("".join(each.get("text/plain", [])) for each in data)
    return text, {kind for each in data for kind in each}


@pytest.fixture
def run(tmp_path):
    """Give what executes the notebook against a box, and returns what it showed."""

    def execute(box):
        done = box.run(
            *RUN, f"--output={tmp_path / 'ran.ipynb'}", NOTEBOOK, cwd=tmp_path, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return shown(tmp_path / "ran.ipynb")

    return execute


def test_the_notebook_carries_no_outputs():
    """What a run showed stays out of git."""
    found = cells(NOTEBOOK, "code")

    assert all(not each["outputs"] and each["execution_count"] is None for each in found)


def test_the_notebook_knows_nothing_of_this_machine():
    """The same bytes run on AWS: no address, no key, no word of the emulation in the code."""
    text = "".join("".join(each["source"]) for each in cells(NOTEBOOK, "code"))

    assert not [word for word in ("localhost", "127.0.0.1", "endpoint_url", "moto") if word in text]


@pytest.mark.notebook
@needs_the_sdk
def test_the_notebook_runs_and_leaves_nothing(box, run):
    """Every cell runs against processes, a figure is drawn, and the last cells remove all it made."""
    before = box.everything()

    text, kinds = run(box)

    assert [each for each in TOLD if each not in text] == []
    assert "image/png" in kinds
    assert box.everything() == before


@pytest.mark.notebook
@pytest.mark.containers
@needs_the_sdk
def test_the_notebook_runs_in_containers_and_leaves_nothing(docker_box, run, left):
    """The same against Docker's containers, and nothing is left in the engine either."""
    before = docker_box.everything()

    text, _ = run(docker_box)

    assert [each for each in TOLD if each not in text] == []
    assert docker_box.everything() == before
    assert left(docker_box) == []
