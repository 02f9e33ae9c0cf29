"""Sets `stagewire invoke` beside scoring in one process: the same 1,000,000 rows, the same answers, rate and memory.

In one process means pandas, the fitted transformer and the Booster, on as many threads as they
take. Run it with `python bench/million.py`; it serves what `make demo` has packaged in build/.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from stagewire_pipeline.door import Door, free_port

BUILD = Path("build")
DATA = Path("pipeline/data/abalone.csv")
INVOKE = """
import sys, time, resource
from stagewire_pipeline.command import main
began = time.perf_counter()
main(sys.argv[1:], standalone_mode=False)
seconds = time.perf_counter() - began
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
IN_PROCESS = """
import sys, time, resource, joblib, pandas, numpy, xgboost
featurizer, booster = joblib.load(sys.argv[1]), xgboost.Booster(model_file=sys.argv[2])
began = time.perf_counter()
rows = pandas.read_csv(sys.argv[3])
features = numpy.asarray(featurizer.transform(rows), numpy.float32)
matrix = xgboost.DMatrix(features, feature_names=booster.feature_names)
rows["prediction"] = booster.predict(matrix)
rows.to_csv(sys.argv[4], index=False)
seconds = time.perf_counter() - began
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def rows(path: Path, count: int) -> None:
    """Draw rows from the data, without the label."""
    with DATA.open() as file:
        header, *lines = (line[:-1] for line in csv.reader(file))
    draw = random.Random(0)  # noqa: S311 (no secret)
    with path.open("w") as file:
        file.write(",".join(header) + "\n")
        file.writelines(",".join(draw.choice(lines)) + "\n" for _ in range(count))


def run(program: str, *arguments: object) -> tuple[float, float]:
    """Run a program; returns its seconds and its peak of memory in MiB."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory


def prediction(path: Path) -> list[float]:
    """Read the predictions."""
    with path.open() as file:
        return [float(row["prediction"]) for row in csv.DictReader(file)]


def main() -> None:
    """Measure, interleaved, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--options", nargs="*", default=[], help="more of invoke's")
    told = parser.parse_args()
    archives = ",".join(str(BUILD / f"{stage}.tar.gz") for stage in ("featurizer", "predictor"))
    models = BUILD / "featurizer/model/preprocess.joblib", BUILD / "predictor/model/model.ubj"
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        small, large, ours, theirs = (here / name for name in ("small", "large", "ours", "theirs"))
        rows(small, told.rows // 10)
        rows(large, told.rows)
        log = here / "door.log"
        with Door(f"abalone={archives}", port=free_port(), log=log, environ=os.environ) as door:
            door.wait_ready()
            send = ("invoke", "abalone", "--port", door.port, "--content-type", "text/csv", "--out")
            rates: dict[str, list[float]] = {"invoke": [], "in process": []}
            _, tenth = run(INVOKE, *send, ours, small, *told.options)
            for _ in range(told.rounds):
                seconds, memory = run(INVOKE, *send, ours, large, *told.options)
                rates["invoke"].append(told.rows / seconds)
                seconds, held = run(IN_PROCESS, *models, large, theirs)
                rates["in process"].append(told.rows / seconds)
        equal = prediction(ours) == prediction(theirs)
    for name, found in rates.items():
        spread = f"{min(found):,.0f} to {max(found):,.0f}"
        print(f"{name:12} {statistics.median(found):>9,.0f} rows/s, median of {spread}")
    ratios = [a / b for a, b in zip(*rates.values(), strict=True)]
    print(f"invoke / in process: {statistics.median(ratios):.2f}; answers equal: {equal}")
    print(
        f"memory: invoke {tenth:.0f} MiB for a tenth, {memory:.0f} MiB for all; in process {held:.0f}"
    )


if __name__ == "__main__":
    main()
