"""States what workers give and cost: throughput, memory and start of each stage with 1, 2 and 4 of them, in turn."""

from __future__ import annotations

import argparse
import contextlib
import statistics
from pathlib import Path

from serving import load, rows, serving

WORKERS = (1, 2, 4)
SIZES = (1, 1_000)
CLIENTS = 64


def main() -> int:
    """Serve what is in build/ and print one line a number of workers and stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build"))
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for stage in ("featurizer", "predictor"):
        base = options.out / stage
        with contextlib.ExitStack() as stack:
            servers = {
                count: stack.enter_context(serving(stage, base, MODEL_SERVER_WORKERS=str(count)))
                for count in WORKERS
            }
            for size in SIZES:
                body = rows(base, size)
                rates: dict[int, list[float]] = {count: [] for count in WORKERS}
                for _ in range(options.rounds):
                    for count, server in servers.items():
                        cell = load(server, body, clients=CLIENTS, seconds=options.seconds)
                        rates[count].append(cell.rate)
                for count, server in servers.items():
                    rate = statistics.median(rates[count])
                    ratio = rate / statistics.median(rates[1])
                    print(
                        f"{stage:10} {size:5} rows, {CLIENTS} clients, {count} workers: {rate:7.0f} requests/s"
                        f" (x {ratio:.2f})   {server.tree.pss():6.1f} MiB   ready after {server.seconds:.2f} s",
                        flush=True,
                    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
