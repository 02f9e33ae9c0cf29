"""Compares whole chains: ours, the classic pair, the Workbench way, the peers, and the limit.

Every round loads every contender once for every cell, in an order drawn anew, while all others are
idle; figures are medians of the rounds, and ratios are taken round by round. Measurements are kept in
build/bench/ as they are made: the same command goes on where it was cut. Answers are compared each time:
the exit status says whether one disagreed, never whether something was slow.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from chains import environments, inside, load, machine, measure, models, starting, table
from chains.absent import Absent
from chains.cells import CROWD, GROWTH, HEADLINE, LARGE_CROWD, MATRIX, cell
from chains.contenders import CONTENDERS
from chains.figures import GROWING
from chains.gates import judge
from chains.places import BUILD
from chains.results import Results

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chains.contenders import Contender
    from chains.server import Chain

QUICK = ("classic", "workbench", "mlserver", "ours", "limit")
PHASES = ("inside", "resources", "headline", "ping", "growth", "matrix")


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the headline cells, few contenders")
    parser.add_argument("--contenders", default="", help=f"some of {','.join(CONTENDERS)}")
    parser.add_argument("--cells", default="", help="such as 1x1,1000x64: rows x clients")
    parser.add_argument("--rounds", type=int, default=3, help="of the headline cells")
    parser.add_argument("--phases", default="", help=f"some of {','.join(PHASES)}")
    parser.add_argument("--into", type=Path, help="the file of measurements")
    parser.add_argument("--fresh", action="store_true", help="forget the file's measurements")
    parser.add_argument("--factor", type=float, default=1.0, help="of each measurement's length")
    parser.add_argument("--setup", action="store_true", help="build what is needed and stop")
    return parser.parse_args()


def named(asked: argparse.Namespace) -> list[Contender]:
    """Return the contenders asked for that can run here, with all that they need made."""
    names = asked.contenders.split(",") if asked.contenders else CONTENDERS
    if asked.quick and not asked.contenders:
        names = QUICK
    if unknown := set(names) - CONTENDERS.keys():
        sys.exit(f"no contender {', '.join(sorted(unknown))}; there are {', '.join(CONTENDERS)}")
    models.make()
    load.compiled()
    found = []
    for name in names:
        try:
            environments.ready(CONTENDERS[name])
        except Absent as error:
            measure.say(f"left out: {name}: {error}")
        else:
            found.append(CONTENDERS[name])
    return found


def run(asked: argparse.Namespace, results: Results) -> None:
    """Measure what is asked for and not yet measured."""
    contenders = named(asked)
    phases = asked.phases.split(",") if asked.phases else PHASES
    if asked.quick:
        phases = ("resources", "headline")
    if asked.setup:
        return
    machine.note(results)
    if "inside" in phases:
        inside.measure(results)
        starting.measure(results)
        measure.generator(results)
        measure.sizes(contenders, results)
    if "resources" in phases:
        measure.resources(contenders, 1 if asked.quick else asked.rounds, results)
    if set(phases) - {"inside", "resources"}:
        chains = measure.start(each for each in contenders if not each.memory_only)
        try:
            under_load(asked, phases, chains, results)
        finally:
            measure.stop(chains)


def under_load(
    asked: argparse.Namespace,
    phases: Sequence[str],
    chains: Mapping[str, Chain],
    results: Results,
) -> None:
    """Do the phases for which all chains are up."""
    cells = tuple(map(cell, asked.cells.split(","))) if asked.cells else HEADLINE
    # Every size that will be measured: whoever cannot answer it is told of before the time is spent.
    sizes = {each.rows for each in (*cells, *(MATRIX if "matrix" in phases else ()))}
    measure.warm(chains, sizes, results)
    if "headline" in phases:
        rounds, factor = range(asked.rounds), asked.factor * (0.5 if asked.quick else 1.0)
        measure.throughput(chains, cells, rounds, results, factor=factor)
    if "ping" in phases:
        measure.pings(chains, HEADLINE[-1], asked.rounds, results)
    if "growth" in phases:
        some = {name: chain for name, chain in chains.items() if name in GROWING}
        if "ours" in some:
            measure.refusal(some["ours"], results)
        wanted = (*GROWTH, *CROWD, *LARGE_CROWD)
        measure.throughput(some, wanted, range(1), results, factor=0.75 * asked.factor)
    if "matrix" in phases and not asked.cells:
        measure.throughput(chains, MATRIX, range(1), results, factor=0.75 * asked.factor)


def main() -> int:
    """Run, and print the table."""
    asked = options()
    # A run that is cut must still end its servers.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    results = Results(asked.into or BUILD / ("quick.jsonl" if asked.quick else "full.jsonl"))
    if asked.fresh or asked.quick:
        results.path.unlink(missing_ok=True)
    try:
        run(asked, results)
    except Absent as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    print(table.text(judge(results)))
    wrong = results.of(kind="wrong")
    for each in wrong:
        print(f"WRONG: {each['message']}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
