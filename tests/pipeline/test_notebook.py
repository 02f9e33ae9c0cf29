from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import boto3
import pytest

NOTEBOOK = Path(__file__).parents[2] / "pipeline" / "notebooks" / "deploy.ipynb"
PROGRAM = [sys.executable, "-P", "-m", "stagewire_pipeline", "local"]
# nbclient's own program, by the interpreter that runs this.
RUN = "from nbclient.cli import main; main()"
NEEDED = ("sagemaker", "nbclient", "ipykernel", "matplotlib", "stagewire_local")


def cells(kind):
    """Return the notebook's cells of a kind."""
    return [each for each in json.loads(NOTEBOOK.read_text())["cells"] if each["cell_type"] == kind]


def test_the_notebook_carries_no_outputs():
    """What a run showed stays out of git."""
    assert all(not each["outputs"] and each["execution_count"] is None for each in cells("code"))


def test_the_notebook_knows_nothing_of_this_machine():
    """The same bytes run on AWS: no address, no key, no word of the emulation in the code."""
    text = "".join("".join(each["source"]) for each in cells("code"))

    assert not [word for word in ("localhost", "127.0.0.1", "endpoint_url", "moto") if word in text]


@pytest.fixture
def box(tmp_path):
    """SageMaker on this machine, empty, at a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "box.log"
    up = [*PROGRAM, "up", "--port", str(port), "--detach"]
    with log.open("wb") as output:
        subprocess.run(up, stdout=output, stderr=output, check=True, timeout=60)
    yield port
    subprocess.run([*PROGRAM, "down", "--port", str(port)], check=True, timeout=120)


def everything(port):
    """List all that the notebook could leave behind."""
    place = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "us-east-1"}
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    sagemaker, s3 = (boto3.client(each, **place, **keys) for each in ("sagemaker", "s3"))
    return [
        s3.list_buckets()["Buckets"],
        sagemaker.list_models()["Models"],
        sagemaker.list_endpoint_configs()["EndpointConfigs"],
        sagemaker.list_endpoints()["Endpoints"],
    ]


@pytest.mark.notebook
@pytest.mark.skipif(
    any(find_spec(each) is None for each in NEEDED), reason=f"needs {', '.join(NEEDED)}"
)
def test_the_notebook_runs_and_leaves_nothing(box, tmp_path):
    """Every cell of the notebook runs against this machine, and the last ones remove all it made."""
    before = everything(box)
    command = [sys.executable, "-c", RUN, "--timeout=300", str(NOTEBOOK)]

    ended = subprocess.run(
        [*PROGRAM, "run", "--port", str(box), "--", *command],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert ended.returncode == 0, ended.stderr
    assert everything(box) == before
