"""Kills containers, instances and the door itself under 64 clients, and says what the clients saw.

Every request must end with the answer to itself or with a clean error of the platform (ModelError,
ServiceUnavailable), and the endpoint must heal; when the door is killed, clients must see a lost
connection and nothing may be left running. `make drill` sends 10,000 requests a drill; the exit
status says whether all held.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from drill_targets import Containers, Processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INSTANCES = 3
# Above the 60 s that a container may take: what is open longer hangs.
HUNG_SECONDS = 70.0
HEAL_SECONDS = 60.0
CLEAN = {(424, "ModelError"), (503, "ServiceUnavailable")}


class Target(Protocol):
    """What can be killed, by the driver that runs it."""

    image: str

    def saw(self, answer: bytes) -> None:
        """Learn from an answer which containers there are."""
        ...

    def kill(self, *, whole: bool) -> None:
        """Kill a container, or all containers of an instance at once."""
        ...

    def left(self) -> int:
        """Count the containers that still run."""
        ...


@dataclass
class Tally:
    """What the clients saw."""

    seen: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, took: float) -> None:
        """Count a request."""
        with self.lock:
            self.seen[what] += 1
            self.longest = max(self.longest, took)

    @property
    def sent(self) -> int:
        """How many requests have ended."""
        return self.seen.total()


@dataclass
class Box:
    """A door in a process of its own with one endpoint."""

    port: int
    process: subprocess.Popen[bytes]
    target: Target

    def status(self) -> list[dict[str, Any]]:
        """Ask the door for all containers of the endpoint."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=HUNG_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", "/_stagewire/status")
            [endpoint] = json.loads(connection.getresponse().read())["endpoints"]
        return [
            container
            for variant in endpoint["variants"]
            for instance in variant["instances"]
            for container in instance["containers"]
        ]

    def restarts(self) -> int | None:
        """Count the restarts so far; None while some container is not healthy."""
        found = self.status()
        healthy = all(each["healthy"] for each in found)
        return sum(each["restarts"] for each in found) if healthy else None

    def client(self, number: int, tally: Tally, more: Callable[[], bool]) -> None:
        """Send one request after another, for as long as there is more to do."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=HUNG_SECONDS)
        turn = 0
        while more():
            turn += 1
            began = time.perf_counter()
            what = self.ask(connection, f"{number}-{turn}".encode())
            tally.note(what, time.perf_counter() - began)
        connection.close()

    def ask(self, connection: HTTPConnection, body: bytes) -> str:
        """Send one request and say what came back."""
        try:
            connection.request("POST", "/endpoints/drill/invocations", body)
            response = connection.getresponse()
            text = response.read()
        except TimeoutError:
            connection.close()
            return "hung"
        except (OSError, HTTPException):
            connection.close()
            return "connection"
        kind = response.headers.get("x-amzn-ErrorType", "")
        if response.status == 200:  # noqa: PLR2004 (OK)
            if text.split(b",")[0] != body or text.count(b",") != 2:  # noqa: PLR2004 (containers)
                return "wrong"
            self.target.saw(text)
            return "answer"
        if (response.status, kind) in CLEAN and "Message" in json.loads(text):
            return kind
        return f"unclean {response.status} {kind}"


@contextmanager
def opened(target: Target, *, driver: str, environ: dict[str, str]) -> Iterator[Box]:
    """Start a door, and in it the endpoint `drill` by boto3."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    words = ["up", f"--port={port}", f"--driver={driver}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "stagewire_local", *words],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        try:
            if process.stdout is None or not process.stdout.readline():
                sys.exit("the door did not start")
            create(f"http://127.0.0.1:{port}", image=target.image)
            yield Box(port, process, target)
        finally:
            process.terminate()
            process.wait()


def create(url: str, *, image: str) -> None:
    """Make the endpoint of two containers on several instances, and wait for it."""
    client = boto3.client(
        "sagemaker",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 (nobody checks it)
    )
    role = "arn:aws:iam::123456789012:role/drill"
    containers = [{"Image": image}] * 2
    client.create_model(ModelName="drill", ExecutionRoleArn=role, Containers=containers)
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "drill",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": INSTANCES,
    }
    client.create_endpoint_config(EndpointConfigName="drill", ProductionVariants=[variant])
    client.create_endpoint(EndpointName="drill", EndpointConfigName="drill")
    waiter = client.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName="drill", WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    client.close()


def drilled(  # noqa: PLR0913 (what a drill is)
    box: Box, *, requests: int, clients: int, kills: int, kill: Callable[[], None], deaths: int
) -> dict[str, Any]:
    """Send requests while something is killed again and again; return what happened.

    A kill ends so many containers that heal; none does when the door itself is killed.
    """
    tally, done, healed = Tally(), threading.Event(), [0.0]

    def more() -> bool:
        return tally.sent < requests or not done.is_set()

    threads = [
        threading.Thread(target=box.client, args=(number, tally, more)) for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        for number in range(kills):
            while tally.sent < requests * (number + 1) / (kills + 1):
                time.sleep(0.001)
            after = (box.restarts() or 0) + deaths if deaths else None
            kill()
            if after is not None:
                healed.append(heal(box, restarts=after))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    return {
        "requests": tally.sent,
        "seen": dict(tally.seen),
        "longest_s": round(tally.longest, 3),
        "kills": kills,
        "heal_s": round(max(healed), 3),
    }


def heal(box: Box, *, restarts: int) -> float:
    """Wait until that many containers were restarted and all is healthy; return how long it took."""
    began = time.perf_counter()
    while (box.restarts() or 0) < restarts:
        if time.perf_counter() - began > HEAL_SECONDS:
            sys.exit(f"the endpoint did not heal in {HEAL_SECONDS:g} s: {box.status()}")
        time.sleep(0.01)
    return time.perf_counter() - began


def emptied(target: Target) -> float:
    """Wait until no container runs; return how long it took."""
    began = time.perf_counter()
    while target.left():
        if time.perf_counter() - began > HEAL_SECONDS:
            sys.exit(f"{target.left()} containers outlive the door")
        time.sleep(0.01)
    return time.perf_counter() - began


def sound(name: str, found: dict[str, Any]) -> bool:
    """Tell whether the clients saw only what they may see."""
    seen = set(found["seen"])
    allowed = {"answer", "ModelError", "ServiceUnavailable"}
    if name == "door":
        return seen <= allowed | {"connection"} and "connection" in seen
    return seen <= allowed and found["seen"].get("answer", 0) > found["requests"] / 2


def run(target: Target, *, driver: str, environ: dict[str, str], options: Any) -> dict[str, Any]:
    """Do the three drills, in one door that does not survive the last."""
    load = {"requests": options.requests, "clients": options.clients}
    report: dict[str, Any] = {}
    with opened(target, driver=driver, environ=environ) as box:
        for name, whole in (("container", False), ("instance", True)):
            report[name] = drilled(
                box,
                kills=3,
                kill=lambda whole=whole: target.kill(whole=whole),
                deaths=2 if whole else 1,
                **load,
            )
        report["door"] = drilled(box, kills=1, kill=box.process.kill, deaths=0, **load)
        report["door"]["emptied_s"] = round(emptied(target), 3)
    return report


def installed(folder: Path) -> dict[str, str]:
    """Make an environment in which the echo is an installed stage."""
    info = folder / "echo_stage-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-stage\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[stagewire.stages]\necho = echo_stage\n")
    path = [str(folder), str(Path(__file__).parent), *filter(None, sys.path)]
    home = str(folder / "home")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "STAGEWIRE_HOME": home}


def main() -> int:
    """Drill, print; the exit status says whether all held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000, help="in each of the drills")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--driver", choices=["process", "docker"], default="process")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        target: Target = Processes()
        if options.driver == "docker":
            target = stack.enter_context(contextlib.closing(Containers()))
        report = run(target, driver=options.driver, environ=installed(folder), options=options)
    if options.json:
        print(json.dumps(report, indent=2))
    for name, found in report.items() if not options.json else ():
        seen = ", ".join(f"{count} {what}" for what, count in sorted(found["seen"].items()))
        after = (
            f"containers gone after {found['emptied_s']} s"
            if name == "door"
            else f"healed within {found['heal_s']} s"
        )
        print(f"{name:10} killed {found['kills']} times in {found['requests']} requests: {seen};")
        print(f"{'':10} the longest took {found['longest_s']} s, {after}")
    good = all(sound(name, found) for name, found in report.items())
    if not options.json:
        print("every request had its answer or a clean error" if good else "NOT SOUND")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
