"""`docker run IMAGE train` by SageMaker's layout, and what it made, served."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.containers


@pytest.fixture
def run(engine, images):
    """Run a room's program to its end; returns its status and what it logged."""

    def to_end(room, command, base, *, user="0"):
        made = engine.containers.run(
            images[room],
            command,
            detach=True,
            user=user,
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            volumes={str(base): {"bind": "/opt/ml", "mode": "rw"}},
        )
        try:
            return made.wait(timeout=120)["StatusCode"], made.logs().decode().splitlines()
        finally:
            made.remove(force=True)

    return to_end


@pytest.fixture
def job(tmp_path, abalone):
    """A base directory with the data as the channel `train`."""
    for name in ("input/config", "input/data/train", "model", "output"):
        folder = tmp_path / "job" / name
        folder.mkdir(parents=True)
        folder.chmod(0o777)
    base = tmp_path / "job"
    base.chmod(0o777)
    (base / "input" / "config" / "hyperparameters.json").write_text('{"label": "rings"}')
    (base / "input" / "data" / "train" / "part-1.csv").write_bytes(abalone.read_bytes())
    return base


@pytest.fixture
def jobs(job, tmp_path):
    """That base directory and another one, still without data."""
    second = tmp_path / "second"
    (second / "input").mkdir(parents=True)
    for folder in (second, second / "model", second / "output"):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
    return job, second


@pytest.fixture
def call(box, post):
    """Start a stage over a base directory and send it rows; returns the response."""
    return lambda stage, base, body: post(box(stage, base), body)


@pytest.mark.parametrize("user", ["0", "1000:1000"])
def test_both_stages_train_and_serve_what_they_trained(run, jobs, call, row, user):
    """Stage 1's output is stage 2's input; both models, compiled, answer as a chain."""
    job, second = jobs

    assert run("featurizer", "train", job, user=user)[0] == 0
    (job / "output" / "data").rename(second / "input" / "data")
    assert run("predictor", "train", second, user=user)[0] == 0
    (second / "input" / "data").rename(job / "output" / "data")
    assert run("featurizer", "compile", job, user=user)[0] == 0

    features = call("featurizer", job, row)
    rings = call("predictor", second, features.content)
    assert 3 < float(rings.text) < 12


def test_a_training_that_cannot_be_says_why_where_sagemaker_looks(run, job):
    """The reason stands in output/failure, and the exit status is not 0."""
    path = job / "input" / "config" / "hyperparameters.json"
    path.write_text(json.dumps({"label": "no_such_column"}))

    status, lines = run("featurizer", "train", job)

    assert status == 1
    assert "no_such_column" in (job / "output" / "failure").read_text()
    assert all(json.loads(line) for line in lines)
