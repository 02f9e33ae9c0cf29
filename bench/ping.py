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
from pathlib import Path

import aiohttp
import numpy as np

CLIENTS = 64
ROWS = 1_000
EVERY = 0.02
TARGET_MS = 50.0


def batch(data: Path, rows: int = ROWS) -> bytes:
    """Repeat the data's rows, without header and label, into a batch."""
    lines = [line.rpartition(",")[0] for line in data.read_text().splitlines()[1:]]
    return "\n".join((lines * (rows // len(lines) + 1))[:rows]).encode()


async def load(session: aiohttp.ClientSession, url: str, body: bytes, until: float) -> list[float]:
    """Send one batch after another; returns the seconds each took."""
    took: list[float] = []
    while time.perf_counter() < until:
        start = time.perf_counter()
        async with session.post(url, data=body, headers={"Content-Type": "text/csv"}) as answer:
            text = await answer.read()
        if answer.status != 200 or text.count(b"\n") != ROWS:  # noqa: PLR2004 (OK)
            sys.exit(f"{url} answered {answer.status}: {text[:300]!r}")
        took.append(time.perf_counter() - start)
    return took


async def probe(session: aiohttp.ClientSession, url: str, until: float) -> list[float]:
    """Ping at a fixed rhythm; returns milliseconds."""
    took: list[float] = []
    while time.perf_counter() < until:
        start = time.perf_counter()
        async with session.get(url) as answer:
            await answer.read()
        if answer.status != 200:  # noqa: PLR2004 (OK)
            sys.exit(f"{url} answered {answer.status}")
        took.append((time.perf_counter() - start) * 1e3)
        await asyncio.sleep(EVERY)
    return took


async def measure(door: str, pings: dict[str, str], body: bytes, seconds: float) -> bool:
    """Load the door, ping all, print; returns whether every p99 is below the target."""
    timeout = aiohttp.ClientTimeout(total=120)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        until = time.perf_counter() + seconds
        work = [load(session, f"{door}/invocations", body, until) for _ in range(CLIENTS)]
        probes = [probe(session, url, until) for url in pings.values()]
        found = await asyncio.gather(*work, *probes)
    sent = np.concatenate(found[:CLIENTS])
    print(f"{CLIENTS} clients x {ROWS} rows for {seconds:g} s: {len(sent) / seconds:.0f} batches/s")
    good = True
    for name, took in zip(pings, found[CLIENTS:], strict=True):
        p50, p99 = np.percentile(took, [50, 99])
        good &= p99 < TARGET_MS
        print(
            f"/ping {name:12} p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   max {max(took):6.1f} ms   ({len(took)} pings)"
        )
    return bool(good)


def containers(door: str) -> dict[str, str]:
    """Ask the local SageMaker where its containers listen."""
    with urllib.request.urlopen(f"{door}/_stagewire/status") as answer:  # noqa: S310 (our own URL)
        endpoints = json.load(answer)["endpoints"]
    return {
        container["hostname"]: f"{container['url']}/ping"
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
    archives = ",".join(str(options.out / f"{name}.tar.gz") for name in ("featurizer", "predictor"))
    port = ["--port", str(options.port)]
    up = [program, "local", "up", "--detach", "--serve", f"abalone={archives}", *port]
    subprocess.run(up, check=True, env={**os.environ})
    door = f"http://127.0.0.1:{options.port}"
    try:
        pings = {"door": f"{door}/ping", **containers(door)}
        good = asyncio.run(measure(door, pings, batch(options.data), options.seconds))
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run([program, "local", "down", *port], check=True)
    print(f"target: every p99 below {TARGET_MS:g} ms: {'met' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
