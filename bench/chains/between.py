"""What lies between gate and goal, in plain figures: ours, the rival's, and what the limit itself reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chains.gates import judge, series

if TYPE_CHECKING:
    from chains.gates import Verdict
    from chains.results import Results

UNITS: Final = {"p50": "ms", "p99": "ms", "rate": "/s", "ready": "s", "ping": "ms"}
HEAD: Final = """### Between gate and goal

Medians of the rounds. The limit is the same arithmetic behind a bare protocol that checks nothing, on the same machine under the
same load; where the time goes is shown below.
"""


def section(results: Results) -> str:
    """Return a line a verdict that meets its gate and not its goal; nothing when there is none."""
    found = [verdict for verdict in judge(results) if verdict.words == "gate met"]
    lines = [_line(verdict, results) for verdict in found]
    return "\n".join([HEAD, *lines, ""]) if lines else ""


def _line(verdict: Verdict, results: Results) -> str:
    gate = verdict.gate
    names = dict.fromkeys(name for name in ("ours", verdict.rival, "limit") if name)
    shown = [f"{name} {_median(verdict, results, name)}" for name in names]
    return (
        f"- {gate.row}{f', against {verdict.rival}' if verdict.rival else ''}: {', '.join(shown)}"
    )


def _median(verdict: Verdict, results: Results, name: str) -> str:
    values = sorted(series(verdict.gate, list(results), name).values())
    unit = UNITS.get(verdict.gate.figure, "MiB")
    return f"{values[len(values) // 2]:.3g} {unit}" if values else "not measured"
