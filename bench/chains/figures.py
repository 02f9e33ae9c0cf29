"""Medians of what was measured, and the plots that are drawn of them."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any, Final

from chains import svg
from chains.cells import BATCHES, CLIENTS, CROWD, GROWTH, LARGE_CROWD, Cell, cell
from chains.contenders import CONTENDERS
from chains.places import STAGES

if TYPE_CHECKING:
    from chains.results import Record, Results

# Whose cost is followed as the work grows; the classic pair refuses what its template's 5 MB do not let pass.
GROWING: Final = ("ours", "workbench", "limit")


class Figures:
    """The medians over rounds, by contender and cell."""

    def __init__(self, results: Results) -> None:
        self.records = list(results)
        seen = {each["contender"] for each in self.records}
        self.names = [name for name in CONTENDERS if name in seen]

    def of(self, kind: str, name: str, where: Cell | None = None) -> list[Record]:
        """List the records of a kind, of a contender, of a cell."""
        return [
            each
            for each in self.records
            if each["kind"] == kind
            and each["contender"] == name
            and (where is None or each["cell"] == where.name)
        ]

    def load(self, name: str, where: Cell, figure: str) -> float | None:
        """Return the median of a figure over the rounds, None where there is none."""
        found = [each[figure] for each in self.of("load", name, where)]
        return median(found) if found else None

    def cells(self) -> list[Cell]:
        """List the cells that somebody was loaded for, smallest first."""
        return sorted({cell(each["cell"]) for each in self.records if each["kind"] == "load"})

    def stages(self, name: str, figure: str) -> list[float]:
        """Return the medians, a stage each, of a figure of the starts."""
        rounds = [each[figure] for each in self.of("resources", name)]
        return [median(stage) for stage in zip(*rounds, strict=True)]

    def line(
        self, name: str, wanted: list[Cell], figure: str, axis: str
    ) -> list[tuple[float, float]]:
        """Return the points of a plot's line."""
        found = [(getattr(each, axis), self.load(name, each, figure)) for each in wanted]
        return [(x, y) for x, y in found if y is not None]


def plots(figures: Figures) -> dict[str, str]:
    """Draw all that there are numbers for, by file name."""
    lines = {
        "latency": _lines(figures, [Cell(n, 1) for n in BATCHES], "p50", "rows"),
        "throughput": _lines(figures, [Cell(1, n) for n in CLIENTS], "rate", "clients"),
        "growth-rows": _lines(figures, list(GROWTH), "p50", "rows", GROWING),
        "growth-clients": _lines(figures, list(CROWD), "rate", "clients", GROWING),
        "growth-large": _lines(figures, list(LARGE_CROWD), "rate", "clients", GROWING),
        "memory": _memory(figures),
    }
    found = {
        name: svg.Plot(*TITLES[name], lines=each).text() for name, each in lines.items() if each
    }
    for rows in (1, 1_000):
        parts = split(figures, rows)
        if parts:
            title = (
                f"Where the time of one request of {rows:,} row{'s'[: rows - 1]} goes, one client"
            )
            found[f"request-{rows}"] = svg.bars(title, parts, "us")
    return found


TITLES: Final = {
    "latency": ("Latency of one client by rows a request", "rows a request", "p50, ms"),
    "throughput": ("Throughput of 1-row requests by clients", "clients", "requests a second"),
    "growth-rows": ("As a request grows: 1 to 100,000 rows", "rows a request", "p50, ms"),
    "growth-clients": (
        "As the crowd grows: 1 to 256 clients",
        "clients",
        "1-row requests a second",
    ),
    "growth-large": (
        "As the crowd grows with 10,000 rows each: 1 to 64 clients",
        "clients",
        "10,000-row requests a second",
    ),
    "memory": ("Memory of both containers by clients", "clients", "PSS, MiB"),
}


def _lines(
    figures: Figures, wanted: list[Cell], figure: str, axis: str, names: tuple[str, ...] = ()
) -> dict[str, list[tuple[float, float]]]:
    found = {
        n: figures.line(n, wanted, figure, axis)
        for n in figures.names
        if n in (names or figures.names)
    }
    return {name: line for name, line in found.items() if len(line) > 1}


def _memory(figures: Figures) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for name in figures.names:
        crowds = [each["crowd"] for each in figures.of("resources", name)]
        if crowds:
            clients = sorted(map(int, crowds[0]))
            found[name] = [(n, median(sum(each[str(n)]) for each in crowds)) for n in clients]
    return found


def split(figures: Figures, rows: int) -> dict[str, list[tuple[str, float]]]:
    """Split one request's time, in microseconds: what stages do, and the rest, servers and sockets."""
    found: dict[str, list[tuple[str, float]]] = {}
    for name, parts_of in (("classic", _theirs), ("ours", _ours)):
        inside = [e for e in figures.of("inside", name) if e["rows"] == rows]
        whole = figures.load(name, Cell(rows, 1), "p50")
        if inside and whole:
            parts = parts_of(inside[0]["stages"])
            rest = whole * 1e3 - sum(value for _, value in parts)
            servers = "servers and sockets" if name == "ours" else "nginx, gunicorn, Flask, sockets"
            found[name] = [*parts, (servers, max(rest, 0.0))]
    return found


def _theirs(stages: list[dict[str, float]]) -> list[tuple[str, float]]:
    return [
        (f"{which}: {step}", value)
        for which, steps in zip(STAGES, stages, strict=True)
        for step, value in steps.items()
    ]


def _ours(stages: list[dict[str, Any]]) -> list[tuple[str, float]]:
    return [
        part
        for which, told in zip(STAGES, stages, strict=True)
        for part in (
            (f"{which}: arithmetic, with the cheapest parser", told["arithmetic"]),
            (
                f"{which}: what it promises (checks, negotiation, types)",
                max(told["answer"] - told["arithmetic"], 0.0),
            ),
        )
    ]
