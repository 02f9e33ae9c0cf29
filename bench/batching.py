"""Shows what batching gains where scikit-learn itself serves: one row, 1 to 64 clients, on and off in turn."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import numpy as np
from serving import load, rows, serving

CLIENTS = (1, 8, 64)


def main() -> int:
    """Serve the featurizer of build/ without its plan, twice, and print both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, default=Path("build/featurizer"))
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    row = rows(options.base, 1)
    with (
        serving("featurizer", options.base, STAGEWIRE_PLAN="off") as on,
        serving("featurizer", options.base, STAGEWIRE_PLAN="off", STAGEWIRE_BATCH_ROWS="0") as off,
    ):
        for clients in CLIENTS:
            found = [
                [load(each, row, clients=clients, seconds=options.seconds) for each in (on, off)]
                for _ in range(options.rounds)
            ]
            ratio = statistics.median(a.rate / b.rate for a, b in found)
            print(f"{clients:3} clients, batching: throughput x {ratio:.2f}")
            for name, cells in zip(("on", "off"), zip(*found, strict=True), strict=True):
                all_of = np.concatenate([each.took for each in cells]) * 1e3
                rate = statistics.median(each.rate for each in cells)
                p50, p99 = np.percentile(all_of, [50, 99])
                print(
                    f"    {name:3} {rate:7.0f} requests/s   p50 {p50:7.1f} ms   p99 {p99:7.1f} ms"
                )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
