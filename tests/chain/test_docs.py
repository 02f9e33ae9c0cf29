"""Every code block of the README and the docs does what the page says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import joblib
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from stagewire import loading, settings
from stagewire.script import Context

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [
    (pytest.param(kind, text, id=f"{page.stem}-{number}-{kind}"), kind, text)
    for page in PAGES
    for number, (kind, text) in enumerate(FENCE.findall(page.read_text(encoding="utf-8")))
]
# Blocks that are a picture, and those of pages that bring their own test.
ELSEWHERE = {"text", "console"}


def blocks(kind, *, stage=False):
    """The blocks in one language; a stage's functions are served, not run."""
    return [p for p, k, text in BLOCKS if k == kind and ("def model_fn" in text) == stage]


def test_every_block_is_of_a_kind_that_is_run():
    """A block in another language would be run by nobody."""
    assert {kind for _, kind, _ in BLOCKS} <= {"bash", "python", "json"} | ELSEWHERE


@pytest.mark.parametrize(("kind", "text"), blocks("bash"))
def test_shell_blocks_run(door, kind, text, tmp_path):
    """Each command succeeds and answers what is no error."""
    program = shlex.join([sys.executable, "-m", "stagewire_pipeline"])
    text = text.replace("localhost:8080", door.url.removeprefix("http://"))
    text = text.replace(".venv/bin/stagewire", program).replace("build/mine", str(tmp_path))

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],  # noqa: S607 (the reader's own)
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert not any(word in done.stdout for word in ("ModelError", "OriginalStatusCode"))


@pytest.mark.parametrize(("kind", "text"), blocks("python"))
def test_python_blocks_run(door, kind, text):
    """Each program prints a number."""
    text = text.replace("http://localhost:8080", door.url)

    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0


@pytest.mark.parametrize(("kind", "text"), blocks("python", stage=True))
def test_the_stage_of_the_docs_can_be_served(kind, text, tmp_path):
    """A bundle with that `code/inference.py` answers with its own model."""
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text(text)
    model = LinearRegression().fit(pd.DataFrame({"x0": [0.0, 1.0]}), [1.0, 3.0])
    joblib.dump(model, tmp_path / "model" / "model.joblib")
    stage = loading.load("predictor", settings.read({"SAGEMAKER_BASE_DIR": str(tmp_path)}))

    body, _ = stage.answer(b"x0\n4\n", "text/csv; header=present", "text/csv", Context("model"))

    sent, predicted = body.decode().splitlines()[1].split(",")
    assert (sent, float(predicted)) == ("4", model.predict(pd.DataFrame({"x0": [4.0]}))[0])


@pytest.mark.parametrize(("kind", "text"), blocks("json"))
def test_the_error_of_the_docs_is_the_real_one(door, kind, text):
    """The shape that the page shows is the shape that is sent."""
    shown = json.loads(text)["error"]

    answer = door.post(b"M,?,0.365,0.095,0.514,0.2245,0.101,0.15")

    sent = json.loads(answer.json()["OriginalMessage"])["error"]
    assert {**sent, "request_id": "…"} == shown
