"""The table of gates, as text for a terminal and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chains.gates import Verdict

UNITS: Final = {"small": " MiB", "large": " MiB", "ready": " s", "ping": " ms"}


def text(verdicts: Sequence[Verdict]) -> str:
    """Lay verdicts out, one a line."""
    if not verdicts:
        return "nothing is measured yet that a gate judges"
    rows = [("figure", "against", "median", "rounds", "gate", "goal", "")]
    rows += [_line(each) for each in verdicts]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def markdown(verdicts: Sequence[Verdict]) -> str:
    """Lay verdicts out as a Markdown table."""
    head = ("", "against", "median", "rounds", "gate", "goal", "verdict")
    rows = [head, ("---",) * len(head), *map(_line, verdicts)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _line(verdict: Verdict) -> tuple[str, ...]:
    gate = verdict.gate
    sign = "≤ " if gate.most else ""
    low, high = min(verdict.values), max(verdict.values)
    return (
        gate.row,
        verdict.rival,
        _shown(verdict, verdict.value),
        f"{_shown(verdict, low)} to {_shown(verdict, high)}",
        sign + _shown(verdict, gate.gate),
        sign + _shown(verdict, gate.goal),
        verdict.words,
    )


def _shown(verdict: Verdict, value: float) -> str:
    gate = verdict.gate
    unit = "x" if gate.against else UNITS[gate.figure]
    if gate.figure == "rate" and gate.against == "limit":
        return f"{value:.0%}"
    return f"{value:.3g}{unit}"
