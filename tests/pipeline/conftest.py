"""A project whose stages are stubs, and an AWS for it."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from runtime_server import FILE

from stagewire import manifest
from stagewire.manifest import Manifest
from stagewire.schema import schema
from stagewire_pipeline.archive import pack
from stagewire_pipeline.child import Stages
from stagewire_pipeline.command import main

STUBS = Path(__file__).parent / "stubs"
RAW = schema([("size", "float64"), ("kind", "string")])
FEATURES = schema([("size", "float32"), ("kind_a", "float32")])
SCORE = schema([("prediction", "float32")])
TAKES = {"featurizer": RAW, "predictor": FEATURES}


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


@pytest.fixture
def artifact():
    """What packs a stage's artifact: a manifest, and one file."""

    def write(out, stage, gives):
        _pack(out, stage, TAKES[stage], gives)

    return write


def _pack(out, stage, takes, gives):
    folder = out / stage / "model"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights").write_text(stage)
    told = Manifest(stage, takes, gives, versions={}, files=manifest.digests(folder))
    manifest.write(folder, told)
    pack(folder, out / f"{stage}.tar.gz")


@pytest.fixture
def out(tmp_path, artifact):
    """A folder with two artifacts that fit each other."""
    found = tmp_path / "build"
    found.mkdir()
    artifact(found, "featurizer", FEATURES)
    artifact(found, "predictor", SCORE)
    return found


@pytest.fixture(scope="module")
def url():
    """Moto on a real socket: what AWS is around SageMaker, its SageMaker without containers."""
    server = pytest.importorskip("moto.server", reason="moto comes with the room local/")
    found = server.ThreadedMotoServer(port=0, verbose=False)
    found.start()
    host, port = found.get_host_and_port()
    yield f"http://{host.replace('0.0.0.0', '127.0.0.1')}:{port}"  # noqa: S104 (moto's default)
    found.stop()


@pytest.fixture
def aws(url, clients):
    """Clients of that AWS."""
    return partial(clients, url)


@pytest.fixture
def invoke(tmp_path):
    """Send a text by the command; returns its end and, as text, what stands in --out."""

    def run(server, *options, text=FILE, name="rows.csv"):
        rows, out = tmp_path / name, tmp_path / "out"
        rows.write_text(text)
        url = f"http://127.0.0.1:{server.server_port}"
        command = ["invoke", "any", str(rows), "--endpoint-url", url, "--out", str(out)]
        ended = CliRunner().invoke(main, [*command, "--chunk", "200", *options], obj={})
        return ended, out.read_text() if out.exists() else None

    return run
