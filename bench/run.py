"""Compares whole chains: ours, the classic pair, the Workbench way, the peers, and the limit.

Every round loads every contender once for every cell, in an order drawn anew, while all others are
idle; figures are medians of the rounds, and ratios are taken round by round. Measurements are kept in
build/bench/ as they are made: the same command goes on where it was cut. Answers are compared each time:
the exit status says whether one disagreed, never whether something was slow.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from chains import environments, load, measure, models, table
from chains.cells import HEADLINE, MATRIX, Cell, cell
from chains.contenders import CONTENDERS
from chains.environments import Absent
from chains.gates import judge
from chains.load import Wrong
from chains.places import BUILD, STAGES
from chains.results import Results

QUICK = ("classic", "workbench", "mlserver", "ours", "limit")


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the headline cells, few contenders")
    parser.add_argument("--contenders", default="", help=f"some of {','.join(CONTENDERS)}")
    parser.add_argument("--cells", default="", help="such as 1x1,1000x64: rows x clients")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--into", type=Path, help="the file of measurements")
    parser.add_argument("--fresh", action="store_true", help="forget the file's measurements")
    parser.add_argument("--skip", default="", help="phases to leave out: resources,load")
    parser.add_argument("--setup", action="store_true", help="build the environments and stop")
    return parser.parse_args()


def chosen(asked: argparse.Namespace) -> tuple[list[str], tuple[Cell, ...]]:
    """Return the names of contenders, and the cells."""
    names = asked.contenders.split(",") if asked.contenders else list(CONTENDERS)
    cells = tuple(map(cell, asked.cells.split(","))) if asked.cells else MATRIX
    if asked.quick:
        names = asked.contenders.split(",") if asked.contenders else list(QUICK)
        cells = HEADLINE
    if unknown := set(names) - CONTENDERS.keys():
        sys.exit(f"no contender {', '.join(sorted(unknown))}; there are {', '.join(CONTENDERS)}")
    return names, cells


def usable(names: list[str]) -> list[str]:
    """Make the models, the load generator and the environments; leave out what cannot be had."""
    models.make()
    load.compiled()
    found = []
    for name in names:
        try:
            for stage in STAGES:
                environments.python(CONTENDERS[name], stage)
            if CONTENDERS[name].environment == "classic":
                environments.nginx()
        except Absent as error:
            measure.say(f"left out: {name}: {error}")
        else:
            found.append(name)
    return found


def run(asked: argparse.Namespace) -> Results:
    """Measure what is asked for and not yet measured."""
    names, cells = chosen(asked)
    results = Results(asked.into or BUILD / ("quick.jsonl" if asked.quick else "full.jsonl"))
    if asked.fresh or asked.quick:
        results.path.unlink(missing_ok=True)
    contenders = [CONTENDERS[name] for name in usable(names)]
    if asked.setup:
        return results
    skipped = asked.skip.split(",")
    if "resources" not in skipped:
        measure.resources(contenders, 1 if asked.quick else asked.rounds, results)
    if "load" not in skipped:
        chains = measure.start(each for each in contenders if not each.memory_only)
        try:
            measure.warm(chains, {each.rows for each in cells})
            measure.throughput(chains, cells, asked.rounds, results)
        finally:
            measure.stop(chains)
    return results


def main() -> int:
    """Run, and print the table."""
    try:
        results = run(options())
    except (Absent, Wrong) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(table.text(judge(results)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
