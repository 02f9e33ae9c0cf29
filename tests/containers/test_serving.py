"""One container as the platform runs it, and as it must not have to be run."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import joblib
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder

pytestmark = pytest.mark.containers

STAGES = pytest.mark.parametrize("stage", ["featurizer", "predictor"])
MIB = 1024 * 1024


def body(trained, stage, rows=1):
    """Take rows that a stage accepts from its own channel, without the label."""
    path = next((trained / stage / "input" / "data" / "train").glob("*.csv"))
    lines = path.read_text().splitlines()[1 : rows + 1]
    return "\n".join(line.rpartition(",")[0] for line in lines)


@STAGES
@pytest.mark.parametrize("user", ["0", "1000:1000", "12345:0"])
def test_any_user_serves_on_a_read_only_system(box, post, trained, stage, user):
    """No capability, no root file system to write to, no user of that number: nothing of it is needed."""
    server = box(stage, trained / stage, user=user)

    assert post(server, body(trained, stage)).status_code == 200


@STAGES
def test_the_server_is_process_1(box, trained, stage):
    """No shell and no init stands between the engine's signals and the server."""
    server = box(stage, trained / stage)
    code = "print(open('/proc/1/cmdline').read().split(chr(0))[:4])"

    status, out = server.container.exec_run(["python", "-c", code])

    assert status == 0
    assert out.decode().strip() == str(["/opt/venv/bin/python", "-m", stage, "serve"])


@STAGES
def test_without_a_network_it_is_ready(engine, images, trained, stage):
    """Nothing is fetched at start: with no network at all `/ping` answers inside."""
    code = """
import http.client, time
for _ in range(600):
    try:
        c = http.client.HTTPConnection("127.0.0.1", 8080, timeout=2)
        c.request("GET", "/ping")
        if c.getresponse().status == 200:
            break
    except OSError:
        pass
    time.sleep(0.05)
else:
    raise SystemExit(1)
"""
    server = engine.containers.run(
        images[stage],
        "serve",
        detach=True,
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        volumes={str(trained / stage / "model"): {"bind": "/opt/ml/model", "mode": "ro"}},
    )

    try:
        status, out = server.exec_run(["python", "-c", code])
        assert status == 0, out
    finally:
        server.remove(force=True)


def test_a_lone_stage_mirrors_the_requests_type(box, post, trained, row):
    """CSV in, features as CSV out, as the page on images shows it by hand."""
    server = box("featurizer", trained / "featurizer")

    reply = post(server, row + ",9.0")

    assert reply.headers["content-type"] == "text/csv"
    assert len(reply.text.strip().split(",")) == 10


def test_killed_and_started_again_it_answers_the_same(box, post, trained):
    """SIGKILL leaves nothing behind that a restart would trip over."""
    server = box("predictor", trained / "predictor")
    before = post(server, body(trained, "predictor")).content

    server.container.kill("SIGKILL")
    assert server.wait_end() == 137
    server.container.start()
    server.wait(200)

    assert post(server, body(trained, "predictor")).content == before


@STAGES
def test_600_megabytes_are_enough_under_load(box, post, trained, stage):
    """Large bodies from several callers at once: all answered, nothing killed by the kernel."""
    limit = 600 * MIB
    server = box(stage, trained / stage, mem_limit=limit, memswap_limit=limit)
    rows = body(trained, stage, 2000)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: post(server, "\n".join([rows] * 10)), range(24)))

    assert {reply.status_code for reply in found} == {200}
    assert {reply.content.count(b"\n") for reply in found} == {20_000}
    server.container.reload()
    assert server.container.attrs["State"]["OOMKilled"] is False


@pytest.mark.parametrize(("quota", "cpus"), [(50_000, 1), (100_000, 1)])
def test_the_cpu_quota_bounds_the_pool(box, trained, quota, cpus):
    """What the container may use counts, not what the host has."""
    server = box("featurizer", trained / "featurizer", cpu_period=100_000, cpu_quota=quota)
    code = "from stagewire.quota import cpus; print(cpus())"

    status, out = server.container.exec_run(["python", "-c", code])

    assert (status, int(out)) == (0, cpus)


def test_somebodys_plain_joblib_is_served(box, post, tmp_path):
    """A `model.joblib` made elsewhere, without a manifest; its columns come from the model."""
    rows = pd.DataFrame({"size": [1.5, 2.5, 3.5], "kind": ["a", "b", "a"]})
    model = ColumnTransformer([("k", OneHotEncoder(), ["kind"]), ("n", "passthrough", ["size"])])
    (tmp_path / "model").mkdir()
    joblib.dump(model.fit(rows), tmp_path / "model" / "model.joblib")

    server = box("featurizer", tmp_path)

    assert post(server, "4.5,b").text == "0.0,1.0,4.5\n"


def test_an_unmet_requirement_names_the_image_to_build(box, tmp_path):
    """Nothing is installed at start, not even with a network."""
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text("def model_fn(d): ...\ndef predict_fn(d, m): ...\n")
    (code / "requirements.txt").write_text("no-such-distribution==1\n")

    server = box("predictor", tmp_path, ready=False)

    reason = server.client.get("/metadata").json()["reason"]
    assert "no-such-distribution==1" in reason
    assert "docker build" in reason


def test_the_image_that_an_unmet_requirement_asks_for_can_be_built(engine, box, post, tmp_path):
    """The command of the refusal, with its two names filled in, makes an image that serves the bundle."""
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    lines = [
        "import iniconfig",
        "def model_fn(d): ...",
        "def predict_fn(d, m): return d.sum(axis=1)",
    ]
    (code / "inference.py").write_text("\n".join(lines))
    (code / "requirements.txt").write_text("iniconfig==2.3.0\n")
    refused = box("predictor", tmp_path, ready=False)
    reason = refused.client.get("/metadata").json()["reason"]
    name = f"stagewire-test/derived-{id(code)}"
    told = reason.partition("derived image: ")[2]
    command = told.replace("IMAGE", "stagewire/predictor").replace("DERIVED", name)

    subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True)
    try:
        assert post(box("predictor", tmp_path, image=name), "1.5,2").text == "3.5\n"
    finally:
        engine.images.remove(name, force=True)


@STAGES
def test_everything_it_logs_is_a_json_line(box, post, trained, stage):
    """Start, a refused row, stop: whatever reads the log needs one format."""
    server = box(stage, trained / stage, {"STAGEWIRE_ACCESS_LOG": "1"})
    assert post(server, "nonsense").status_code == 422

    server.terminate()

    assert server.wait_end() == 0
    assert {json.loads(line)["stage"] for line in server.lines} == {stage}
