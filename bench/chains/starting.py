"""Where a start's time goes: the modules that a stage imports until it answers, by package."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from chains import server
from chains.contenders import CONTENDERS
from chains.measure import say
from chains.places import BUILD, STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chains.results import Results

NAME: Final = "starting"
# Packages shown by name; the rest is Python's own library.
PACKAGES: Final = (
    "numpy",
    "uvicorn",
    "uvloop",
    "httptools",
    "orjson",
    "click",
    "stagewire",
    *STAGES,
)
REST: Final = "Python's library"


def measure(results: Results) -> None:
    """Start each of our stages once with the interpreter's own clock on its imports."""
    key = {"kind": NAME, "contender": "ours"}
    if results.has(**key):
        return
    clocked = CONTENDERS["ours"].environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    contender = replace(CONTENDERS["ours"], name=NAME, environ=clocked)
    found = []
    for stage in STAGES:
        server.start(contender, stage).stop()
        found.append(packages((BUILD / f"{NAME}-{stage}.log").read_text().splitlines()))
    results.add(**key, round=0, stages=found)
    say("where a start's time goes")


def packages(lines: Iterable[str]) -> dict[str, float]:
    """Sum the milliseconds that modules took themselves, by package, of `import time: own | all | name`."""
    found: Counter[str] = Counter()
    for line in lines:
        head, _, told = line.partition("import time:")
        own, _, rest = told.partition("|")
        if head or not own.strip().isdigit():
            continue
        top = rest.rpartition("|")[2].strip().partition(".")[0]
        found[top if top in PACKAGES else REST] += int(own)
    return {name: micro / 1e3 for name, micro in found.most_common()}
