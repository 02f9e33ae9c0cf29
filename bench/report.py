"""Writes what `bench/run.py` measured as bench/results.md and bench/plots/*.svg."""

from __future__ import annotations

import argparse
from pathlib import Path

from chains import document, figures
from chains.places import BENCH, BUILD
from chains.results import Results


def main() -> None:
    """Read the measurements, write page and plots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, default=BUILD / "full.jsonl")
    parser.add_argument(
        "--to", type=Path, default=BENCH, help="the folder of results.md and plots/"
    )
    asked = parser.parse_args()
    results = Results(asked.source)
    if not asked.source.is_file():
        raise SystemExit(f"{asked.source} is not there: measure first, with `make bench`")
    drawn = figures.plots(figures.Figures(results))
    folder = asked.to / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in drawn.items():
        (folder / f"{name}.svg").write_text(text)
    (asked.to / "results.md").write_text(document.page(results, list(drawn)))
    print(f"{asked.to / 'results.md'}, {len(drawn)} plots")


if __name__ == "__main__":
    main()
