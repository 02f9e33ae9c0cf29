"""The driver `process`: real processes, their environment, their death and their end."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from stagewire_local.bundle import served
from stagewire_local.client import Client
from stagewire_local.driver import ContainerSpec
from stagewire_local.health import Health
from stagewire_local.limits import Limits
from stagewire_local.ports import Ports
from stagewire_local.process import ProcessDriver

MODULES = {"stub": "stub_stage"}


@pytest.fixture
def piped(door, model):
    """Give a function that serves two stub stages as the endpoint `pipe`."""

    def start(**files):
        one, two = model("a.tar.gz", **files), model("b.tar.gz")
        bundle = served(f"pipe={one},{two}", known=MODULES)
        return door(bundle, modules=MODULES, limits=Limits(start_seconds=20, stop_seconds=5))

    return start


def containers(client, url):
    """Return what the door tells about the containers of its only endpoint."""
    [endpoint] = client.get(f"{url}/_stagewire/status").json()["endpoints"]
    return endpoint["variants"][0]["instances"][0]["containers"]


def test_a_stage_runs_in_a_process_of_its_own_as_the_platform_runs_it(piped, client):
    """Its own port, base directory with the model, and this machine's address only."""
    url = piped(**{"code/inference.py": b"pass"})
    first, second = containers(client, url)

    seen = client.post(f"{first['url']}/invocations", content=b"x").json()
    other = client.post(f"{second['url']}/invocations", content=b"x").json()

    environment = seen["environment"]
    port = int(environment["SAGEMAKER_BIND_TO_PORT"])
    assert first["url"] == f"http://127.0.0.1:{port}"
    assert 21000 <= port <= 21999
    assert environment["SAGEMAKER_SAFE_PORT_RANGE"] == f"{port + 1}-{port + 9}"
    assert environment["STAGEWIRE_HOST"] == "127.0.0.1"
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["STAGEWIRE_HOP"] == "auto"
    assert seen["model"] == ["code", "manifest.json"]
    assert "STAGEWIRE_HOP" not in other["environment"]
    assert seen["pid"] != other["pid"]


@pytest.mark.anyio
async def test_a_models_environment_does_not_move_its_container(environment, tmp_path):
    """It is the container's, but for what the platform itself decides: base, port and safe range."""
    own = {"SAGEMAKER_BIND_TO_PORT": "8080", "SAGEMAKER_BASE_DIR": "/", "OMP_NUM_THREADS": "2"}
    spec = ContainerSpec(hostname="primary", image="stub", environment=own)
    ports, modules = Ports(begin=os.getpid()), {"stub": "stub_stage"}
    driver = ProcessDriver(tmp_path / "root", ports=ports, environ=environment, modules=modules)

    async with Client() as client:
        address = await driver.start(spec)
        health = Health(client=client, limits=Limits(start_seconds=60))
        trouble = await health.ready(address, driver=driver, name="primary")
        answer = await client.post(address, "/", b"x", headers={}, seconds=30, limit=1 << 20)
        await driver.close()
    found = json.loads(answer.body)["environment"]

    assert trouble is None
    assert found["SAGEMAKER_BIND_TO_PORT"] == str(address.port) != "8080"
    assert found["SAGEMAKER_BASE_DIR"].startswith(str(tmp_path))
    assert (found["OMP_NUM_THREADS"], found["STAGEWIRE_HOST"]) == ("2", "127.0.0.1")


def test_the_processes_make_a_chain(piped, client):
    """The second stage got what the first one answered."""
    url = piped()

    outer = client.post(f"{url}/invocations", content=b"x").json()

    assert json.loads(outer["body"])["body"] == "x"


def test_a_stage_that_dies_is_replaced_and_its_request_ends_cleanly(piped, client, until):
    """In flight 424 with (0), meanwhile a clean error, afterwards an answer of a new process."""
    url = piped()
    before = client.post(f"{url}/invocations", content=b"x").json()["pid"]

    response = client.post(f"{url}/invocations", content=b"die")
    statuses = []

    def answered():
        statuses.append(client.post(f"{url}/invocations", content=b"x").status_code)
        return statuses[-1] == 200

    until(answered)

    first, second = containers(client, url)
    assert response.status_code == 424
    assert response.json()["OriginalStatusCode"] == 0
    # 424 until the death is noticed: a connection was there to be lost; 503 from then on.
    assert set(statuses) <= {200, 424, 503}
    assert (first["restarts"], second["restarts"]) == (1, 0)
    assert first["trouble"] == "exited with code 3"
    assert client.post(f"{url}/invocations", content=b"x").json()["pid"] == before


def test_a_stage_killed_under_load_leaves_no_request_without_an_answer(piped, client, until):
    """Every caller gets 200, 424 or 503, and the endpoint heals."""
    url = piped()
    pid = json.loads(client.post(f"{url}/invocations", content=b"x").json()["body"])["pid"]
    statuses = []

    def call():
        statuses.extend(
            client.post(f"{url}/invocations", content=b"x").status_code for _ in range(20)
        )

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    os.kill(pid, signal.SIGKILL)
    for caller in callers:
        caller.join()
    until(lambda: client.post(f"{url}/invocations", content=b"x").status_code == 200)

    assert len(statuses) == 80
    assert set(statuses) <= {200, 424, 503}
    assert containers(client, url)[0]["trouble"] == "was killed by SIGKILL"


def test_unpacked_models_and_processes_are_gone_after_the_door(door, model, client, tmp_path):
    """A door leaves nothing behind."""
    bundle = served(f"pipe={model()}", known=MODULES)
    url = door(bundle, modules=MODULES)
    pid = client.post(f"{url}/invocations", content=b"x").json()["pid"]
    assert list((tmp_path / "door").iterdir())

    door.close()

    assert list((tmp_path / "door").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_model_is_read_only(door, model, client, tmp_path):
    """As on the platform, where /opt/ml/model must not be written to."""
    door(served(f"pipe={model(**{'code/x.py': b''})}", known=MODULES), modules=MODULES)

    [base] = Path(tmp_path / "door").iterdir()

    assert {oct(path.stat().st_mode)[-3:] for path in (base / "model").rglob("*")} == {"444", "555"}
