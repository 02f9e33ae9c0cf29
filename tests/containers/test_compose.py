"""`docker compose up` as a person runs it, from nothing to an answer and back to nothing."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.containers

ROOT = Path(__file__).parents[2]
STAGES = ("featurizer", "predictor")
NAMES = "sex,length,diameter,height,whole_weight,shucked_weight,viscera_weight,shell_weight"
# Exits 0 when a TCP connection to host and port of the arguments is made.
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)"


@dataclass(frozen=True)
class Stack:
    """The services of docker-compose.yml under a project name and ports of their own."""

    project: str
    ports: dict

    def compose(self, *arguments, check=True):
        """Run `docker compose`; returns what it wrote."""
        command = ["docker", "compose", "--project-name", self.project, *arguments]
        environ = {**os.environ, **{key: str(port) for key, port in self.ports.items()}}
        done = subprocess.run(
            command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=400, check=False
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout

    def post(self, body, *, port="PORT", kind="text/csv", **headers):
        """Send rows to the door or to a stage; returns the response."""
        url = f"http://127.0.0.1:{self.ports[port]}/invocations"
        return httpx.post(url, content=body, headers={"Content-Type": kind, **headers}, timeout=30)

    def identity(self, service):
        """Return the id of a service's container, running or not."""
        return self.compose("ps", "--all", "--quiet", service).strip()


@pytest.fixture(scope="module")
def stack(engine, images, free_port):
    """The stack, up; whatever happens, taken down with its volumes."""
    ports = {name: free_port() for name in ("PORT", "FEATURIZER_PORT", "PREDICTOR_PORT")}
    made = Stack(f"stagewire-compose-{os.getpid()}", ports)
    try:
        made.compose("up", "--build", "--wait")
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout", "10", check=False)


def rows(abalone, count, *, label):
    """Take the first rows of the data set."""
    lines = abalone.read_text().splitlines()[1 : count + 1]
    return "\n".join(line if label else line.rpartition(",")[0] for line in lines)


def test_the_documented_line_answers_one_number(stack):
    """A row with its label, posted with curl, is answered by its rings."""
    url = f"http://127.0.0.1:{stack.ports['PORT']}/invocations"
    row = "I,0.365,0.295,0.095,0.25,0.1075,0.0545,0.08,9.0"
    command = ["curl", "-s", url, "-H", "Content-Type: text/csv", "--data-raw", row]

    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert re.fullmatch(r"\d+\.\d+\n", answer)
    assert 3 < float(answer) < 12


def test_the_door_tells_the_address_that_is_good_outside(stack):
    """What it prints is what a person copies, whichever port they chose."""
    told = re.search(r"curl -s (\S+)", stack.compose("logs", "door"))

    assert told[1] == f"http://127.0.0.1:{stack.ports['PORT']}/invocations"


def test_named_rows_keep_their_columns(stack, row):
    """What crosses from container to container carries a caller's own columns."""
    reply = stack.post(f"id,{NAMES}\n00501,{row}")

    assert reply.text.splitlines()[0] == f"id,{NAMES},prediction"
    assert reply.text.splitlines()[1].startswith("00501,")


def test_the_door_is_the_aws_around_the_chain_too(stack, clients):
    """On the same port: S3, and the control plane, which knows the endpoint."""
    url = f"http://127.0.0.1:{stack.ports['PORT']}"
    s3, sagemaker = (clients(url, name) for name in ("s3", "sagemaker"))
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"rows")

    found = [each["Key"] for each in s3.list_objects_v2(Bucket="bucket")["Contents"]]
    endpoint = sagemaker.describe_endpoint(EndpointName="abalone")

    assert found == ["key"]
    assert endpoint["EndpointStatus"] == "InService"


def test_each_stage_answers_on_its_own_port(stack, row):
    """Features from one, and from them the other's prediction, is the chain's answer."""
    features = stack.post(row, port="FEATURIZER_PORT", Accept="text/csv")
    rings = stack.post(features.content, port="PREDICTOR_PORT")

    assert len(features.text.split(",")) == 10
    assert rings.content == stack.post(row).content


@pytest.fixture
def artifacts(engine, stack, tmp_path):
    """The artifacts out of the volumes, packed as archives."""
    for stage in STAGES:
        chunks, _ = engine.containers.get(stack.identity(stage)).get_archive("/opt/ml/model/.")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as found:
            found.extractall(tmp_path / stage, filter="data")
        with tarfile.open(tmp_path / f"{stage}.tar.gz", "w:gz") as packed:
            for path in sorted((tmp_path / stage).iterdir()):
                packed.add(path, path.name)
        shutil.rmtree(tmp_path / stage)
    return [tmp_path / f"{stage}.tar.gz" for stage in STAGES]


@pytest.fixture
def processes(artifacts, tmp_path, port):
    """The chain as processes on the same artifacts; gives its address."""
    command = [sys.executable, "-m", "stagewire_local"]
    environ = {**os.environ, "STAGEWIRE_HOME": str(tmp_path / "home")}
    serve = f"abalone={','.join(map(str, artifacts))}"
    subprocess.run(
        [*command, "up", "--detach", "--port", str(port), "--serve", serve],
        env=environ,
        check=True,
        capture_output=True,
    )
    yield f"http://127.0.0.1:{port}/invocations"
    subprocess.run(
        [*command, "down", "--port", str(port)], env=environ, check=True, capture_output=True
    )


@pytest.mark.parametrize("kind", ["text/csv", "text/csv; header=absent; bad-rows=null"])
def test_containers_answer_what_processes_answer(stack, processes, abalone, kind):
    """Bit for bit, on the same artifacts."""
    body = rows(abalone, 200, label=False)

    expected = httpx.post(processes, content=body, headers={"Content-Type": kind}, timeout=30)

    assert expected.status_code == 200
    assert stack.post(body, kind=kind).content == expected.content


@pytest.mark.parametrize("service", [*STAGES, "door"])
def test_a_service_is_locked_down(engine, stack, service):
    """Read-only, without capabilities, on this machine's loopback address only."""
    found = engine.containers.get(stack.identity(service)).attrs
    bindings = [each for ports in found["HostConfig"]["PortBindings"].values() for each in ports]

    assert found["HostConfig"]["ReadonlyRootfs"] is True
    assert found["HostConfig"]["CapDrop"] == ["ALL"]
    assert {each["HostIp"] for each in bindings} == {"127.0.0.1"}
    # An engine asks a host's own server of names from the host, past any network of the container's.
    assert found["HostConfig"]["Dns"] == ["127.0.0.1"]
    assert all(not mount["RW"] for mount in found["Mounts"] if mount["Type"] == "volume")


def nameserver():
    """Find an address beyond this machine that every engine's containers know of."""
    lines = Path("/etc/resolv.conf").read_text().splitlines()
    found = [line.split()[1] for line in lines if line.startswith("nameserver")]
    return next((each for each in found if not each.startswith("127.") and ":" not in each), None)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_no_way_to_the_outside(engine, stack, images, stage):
    """What any container can reach beyond this machine, a stage cannot."""
    address = nameserver()
    if address is None:
        pytest.skip("no name server beyond this machine to try a connection to")
    probe = [CONNECT, address, "53"]
    plain = ["docker", "run", "--rm", "--entrypoint", "python", images[stage], "-c", *probe]
    if subprocess.run(plain, capture_output=True, check=False).returncode:
        pytest.skip(f"{address}:53 is out of reach for any container here")

    container = engine.containers.get(stack.identity(stage))
    status, out = container.exec_run(["python", "-c", *probe])

    assert status == 1
    assert b"timed out" in out or b"unreachable" in out


def test_a_killed_stage_comes_back(engine, stack, row, until):
    """While it is gone the door answers an error of the platform's; then the chain goes on."""
    before = stack.post(row).content
    container = engine.containers.get(stack.identity("predictor"))
    starts = container.attrs["State"]["StartedAt"]

    # From inside, since an engine restarts what dies and not what it was told to kill.
    container.exec_run(["python", "-c", "import os; os.kill(1, 15)"])
    found = []

    def answered():
        found.append(stack.post(row))
        restarted = len({reply.status_code for reply in found}) > 1
        return restarted and found[-1].status_code == 200

    until(answered, what=lambda: f"the chain is back: {found[-5:]}")
    container.reload()

    assert {reply.status_code for reply in found} <= {200, 424, 503}
    assert found[-1].content == before
    assert container.attrs["State"]["StartedAt"] != starts


def test_a_second_up_trains_nothing(engine, stack, row):
    """What is trained stays: taken down and up again, the chain answers the same from the volumes."""
    before = stack.post(row).content
    stack.compose("down", "--timeout", "10")

    stack.compose("up", "--wait")

    assert stack.post(row).content == before
    for stage in STAGES:
        assert engine.containers.get(stack.identity(f"{stage}-train")).logs() == b""


def test_down_with_volumes_leaves_nothing(engine, stack):
    """No container, network or volume of the project is left."""
    stack.compose("down", "--volumes", "--timeout", "10")

    mine = {"label": f"com.docker.compose.project={stack.project}"}
    assert engine.containers.list(all=True, filters=mine) == []
    assert engine.networks.list(filters=mine) == []
    assert engine.volumes.list(filters=mine) == []
