"""Shows that `/ping` answers while 64 clients send 1,000-row batches: SageMaker gives it 2 s, we want 50 ms.

The load runs in this process and shares the machine's cores with the chain, so the figures are an
upper bound. Run it with `make bench`; it serves what `make demo` has packaged in build/.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from chains import bodies
from chains.places import STAGES

from stagewire_local.client import Client
from stagewire_local.driver import Address
from stagewire_pipeline import caller
from stagewire_pipeline.load import Cell, measure

CLIENTS = 64
ROWS = 1_000
EVERY = 0.02
# What the platform gives a ping.
PING_SECONDS = 2.0
TARGET_MS = 50.0


async def probe(client: Client, port: int, until: float) -> list[float]:
    """Ping at a fixed rhythm; returns milliseconds."""
    took: list[float] = []
    while time.perf_counter() < until:
        start = time.perf_counter()
        status = await client.ping(Address("127.0.0.1", port), seconds=PING_SECONDS)
        if status != HTTPStatus.OK:
            sys.exit(f"port {port} answered {status}")
        took.append((time.perf_counter() - start) * 1e3)
        await asyncio.sleep(EVERY)
    return took


async def measured(door: int, pings: dict[str, int], body: bytes, seconds: float) -> bool:
    """Load the door, ping all, print; returns whether every p99 is below the target."""
    address = caller.Address("127.0.0.1", door, tls=False, path="/invocations")
    request, cell = address.request(body, {"Content-Type": "text/csv"}), Cell(ROWS, CLIENTS)
    async with Client() as client:
        until = time.perf_counter() + seconds
        work = measure(address, [request], cell, seconds=seconds)
        _, *probes = await asyncio.gather(work, *(probe(client, p, until) for p in pings.values()))
    if cell.errors:
        sys.exit(f"not all batches were answered: {dict(cell.errors)}")
    print(f"{CLIENTS} clients x {ROWS} rows for {seconds:g} s: {cell.rate:.0f} batches/s")
    good = True
    for name, took in zip(pings, probes, strict=True):
        p50, p99 = np.percentile(took, [50, 99])
        good &= p99 < TARGET_MS
        print(
            f"/ping {name:12} p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   max {max(took):6.1f} ms   ({len(took)} pings)"
        )
    return bool(good)


def containers(door: int) -> dict[str, int]:
    """Ask the local SageMaker where its containers listen."""
    with urllib.request.urlopen(f"http://127.0.0.1:{door}/_stagewire/status") as answer:
        endpoints = json.load(answer)["endpoints"]
    return {
        container["hostname"]: urlsplit(container["url"]).port
        for endpoint in endpoints
        for variant in endpoint["variants"]
        for instance in variant["instances"]
        for container in instance["containers"]
    }


def main() -> int:
    """Serve build/ and measure; the exit status says whether the target is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build"))
    parser.add_argument("--data", type=Path, default=Path("pipeline/data/abalone.csv"))
    parser.add_argument("--port", type=int, default=8089)
    parser.add_argument("--seconds", type=float, default=15)
    options = parser.parse_args()
    program = str(Path(sys.executable).with_name("stagewire"))
    subprocess.run([program, "train", "--out", str(options.out)], check=True)
    subprocess.run([program, "package", "--out", str(options.out)], check=True)
    archives = ",".join(str(options.out / f"{name}.tar.gz") for name in STAGES)
    port = ["--port", str(options.port)]
    up = [program, "local", "up", "--detach", "--serve", f"abalone={archives}", *port]
    subprocess.run(up, check=True, env={**os.environ})
    body = "\n".join(bodies.lines(ROWS, options.data)).encode()
    try:
        pings = {"door": options.port, **containers(options.port)}
        good = asyncio.run(measured(options.port, pings, body, options.seconds))
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run([program, "local", "down", *port], check=True)
    print(f"target: every p99 below {TARGET_MS:g} ms: {'met' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
