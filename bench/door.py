"""Measures what the door adds to two containers that do nothing: time, requests a second and CPU.

Both ways run in one process after each other, round by round: the two containers asked directly, as
a client would that chains them itself, and the door asked as boto3 asks it. Linux only, since the
CPU time of another process is read from /proc. `make bench-door`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from stagewire_local.client import Client
from stagewire_local.driver import Address
from stagewire_pipeline.door import free_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HERE = Path(__file__).parent
ROW = b"M,0.455,0.365,0.095,0.514,0.2245,0.101,0.15"
# What boto3 1.44 sends with InvokeEndpoint: reading these is part of the door's work.
BOTO3 = {
    "Content-Type": "text/csv",
    "User-Agent": "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux md/arch#x86_64 lang/python",
    "X-Amz-Date": "20261121T000000Z",
    "Authorization": "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/sagemaker/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, Signature=" + "0" * 64,
    "amz-sdk-invocation-id": "00000000-0000-0000-0000-000000000000",
    "amz-sdk-request": "attempt=1",
}
HOP = {"Content-Type": "text/csv"}
SECONDS = 30.0
LIMIT = 1 << 20


@dataclass
class Found:
    """What was measured of one way at one number of clients."""

    took: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu: float = 0.0

    def row(self) -> dict[str, float]:
        """Sum it up."""
        ordered = sorted(self.took)
        return {
            "p50_ms": 1e3 * ordered[len(ordered) // 2],
            "p99_ms": 1e3 * ordered[len(ordered) * 99 // 100],
            "rps": statistics.median(self.rates),
            "door_cpu_us": 1e6 * self.cpu / len(ordered),
        }


def cpu(pid: int) -> float:
    """Read the CPU seconds of a process, all of its threads."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in threads) / 1e9


def started(stack: ExitStack, *words: str) -> tuple[int, int]:
    """Start a program that prints its port in its first line; return its process id and port."""
    process = stack.enter_context(
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    )
    stack.callback(process.terminate)
    if process.stdout is None or not (line := process.stdout.readline()):
        sys.exit(f"{words} did not start")
    found = [word for word in line.replace("/", ":").split(":") if word.isdecimal()]
    return process.pid, int(found[0] if found else line.split()[-1])


async def round_of(
    ask: Callable[[], Awaitable[None]], *, clients: int, requests: int, found: Found, door: int
) -> None:
    """Send `requests` requests from `clients` clients at once."""

    async def caller() -> None:
        for _ in range(requests // clients):
            began = time.perf_counter()
            await ask()
            found.took.append(time.perf_counter() - began)

    before, began = cpu(door), time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(clients)))
    found.rates.append(requests // clients * clients / (time.perf_counter() - began))
    found.cpu += cpu(door) - before


async def measure(
    containers: list[Address], door: Address, *, pid: int, rounds: int, requests: int
) -> dict[str, dict[str, float]]:
    """Measure both ways for 1 and 64 clients."""
    async with Client() as client:

        async def direct() -> None:
            body = ROW
            for each in containers:
                answer = await client.post(
                    each, "/invocations", body, headers=HOP, seconds=SECONDS, limit=LIMIT
                )
                body = answer.body
            check(body)

        async def through() -> None:
            path = "/endpoints/pipe/invocations"
            answer = await client.post(door, path, ROW, headers=BOTO3, seconds=SECONDS, limit=LIMIT)
            check(answer.body)

        ways = {"direct": direct, "door": through}
        table: dict[str, Found] = {}
        for number in range(rounds + 1):
            for clients in (1, 64):
                for name, ask in ways.items():
                    # The first round warms up and is not counted.
                    key = f"{name}, {clients} clients" if number else "warm"
                    found = table.setdefault(key, Found())
                    await round_of(ask, clients=clients, requests=requests, found=found, door=pid)
    del table["warm"]
    return {key: found.row() for key, found in table.items()}


def check(body: bytes) -> None:
    """End when an answer is not that of the two containers."""
    if not body.startswith(ROW + b",") or body.count(b",") != ROW.count(b",") + 2:
        sys.exit(f"a wrong answer: {body!r}")


def main() -> None:
    """Start two containers and a door, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=3200, help="a round, of each kind")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with ExitStack() as stack:
        echo = ["env", "SAGEMAKER_BIND_TO_PORT=0", "STAGEWIRE_HOST=127.0.0.1"]
        echo += [sys.executable, str(HERE / "echo_stage.py")]
        ports = [started(stack, *echo)[1] for _ in range(2)]
        urls = ",".join(f"http://127.0.0.1:{port}" for port in ports)
        with_port = started(
            stack,
            *(sys.executable, "-m", "stagewire_local", "up", "--port", str(free_port())),
            *("--connect", f"pipe={urls}"),
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            table = runner.run(
                measure(
                    [Address("127.0.0.1", port) for port in ports],
                    Address("127.0.0.1", with_port[1]),
                    pid=with_port[0],
                    rounds=options.rounds,
                    requests=options.requests,
                )
            )
    if options.json:
        print(json.dumps(table, indent=2))
    else:
        show(table)


def show(table: dict[str, dict[str, float]]) -> None:
    """Print the figures as a table, and what the door adds."""
    print(f"{'':20}{'p50 ms':>10}{'p99 ms':>10}{'requests/s':>12}{'door CPU µs':>13}")
    for key, row in table.items():
        print(
            f"{key:20}{row['p50_ms']:10.3f}{row['p99_ms']:10.3f}{row['rps']:12.0f}{row['door_cpu_us']:13.0f}"
        )
    for clients in (1, 64):
        door, own = table[f"door, {clients} clients"], table[f"direct, {clients} clients"]
        print(
            f"{clients:2} clients: the door adds {door['p50_ms'] - own['p50_ms']:.3f} ms at the median, "
            f"{door['p50_ms'] / own['p50_ms']:.2f} times; {door['rps'] / own['rps']:.2f} of the throughput"
        )


if __name__ == "__main__":
    main()
