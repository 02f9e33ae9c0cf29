"""The table that says when it is fast enough: for each figure a gate, which must hold, and a goal."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from chains.results import Record, Results

PEERS: Final = ("mlserver", "mlserver-default", "litserve", "bentoml")


@dataclass(frozen=True)
class Gate:
    """One cell of the table.

    `against` is a contender, "peers" for the best of them, or "" for a figure of ours alone. Ratios
    are theirs over ours where less is better and ours over theirs where more is, so that they rise
    with our advantage; but against the limit they are ours over the limit's, and `most` says that
    it is an upper bound of that ratio.
    """

    row: str
    figure: str
    against: str
    gate: float
    goal: float
    cell: str = ""
    most: bool = False


def _rows(row: str, figure: str, cell: str, *columns: tuple[str, float, float, bool]) -> list[Gate]:
    return [Gate(row, figure, who, gate, goal, cell, most) for who, gate, goal, most in columns]


GATES: Final = (
    *_rows(
        "1 row, 1 client, p50 lower by",
        "p50",
        "1x1",
        ("classic", 30, 40, False),
        ("workbench", 20, 25, False),
        ("peers", 15, 22, False),
        ("limit", 2.5, 2, True),
    ),
    *_rows(
        "1 row, 1 client, p99 lower by",
        "p99",
        "1x1",
        ("classic", 30, 40, False),
        ("workbench", 12, 18, False),
        ("peers", 12, 18, False),
    ),
    *_rows(
        "1 row, 64 clients, throughput",
        "rate",
        "1x64",
        ("classic", 100, 200, False),
        ("workbench", 40, 60, False),
        ("peers", 30, 55, False),
        ("limit", 0.35, 0.5, False),
    ),
    *_rows(
        "1,000 rows, 1 client, p50 lower by",
        "p50",
        "1000x1",
        ("classic", 6, 9, False),
        ("workbench", 4, 6, False),
        ("peers", 3, 4, False),
        ("limit", 1.4, 1.15, True),
    ),
    *_rows(
        "1,000 rows, 64 clients, throughput",
        "rate",
        "1000x64",
        ("classic", 10, 18, False),
        ("workbench", 3.5, 5.5, False),
        ("peers", 3, 4, False),
        ("limit", 0.75, 0.9, False),
    ),
    Gate("memory a container, 1-row traffic", "small", "classic-8", 10, 10),
    Gate("memory a container, 1-row traffic", "small", "workbench", 2.5, 2.5),
    Gate("memory a container, 1-row traffic", "small", "peers", 1, 1),
    Gate("memory a container, 1-row traffic", "small", "", 70, 60, most=True),
    Gate("memory after large bodies", "large", "classic-8", 5, 5),
    Gate("memory after large bodies", "large", "workbench", 1, 1),
    Gate("process start to first 200, sooner by", "ready", "classic", 5, 7),
    Gate("process start to first 200, sooner by", "ready", "workbench", 5, 7),
    Gate("process start to first 200, sooner by", "ready", "peers", 1, 1),
    Gate("process start to first 200, sooner by", "ready", "", 0.35, 0.25, most=True),
    Gate("/ping p99, 64 clients x 1,000 rows", "ping", "", 50, 10, most=True),
)


@dataclass(frozen=True)
class Verdict:
    """What a gate's rounds gave: the value of each, the median, and how that is judged."""

    gate: Gate
    values: tuple[float, ...]
    rival: str

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return median(self.values)

    @property
    def words(self) -> str:
        """The judgement: the gate must hold in every round, the goal in their median."""
        if not all(self._holds(value, self.gate.gate) for value in self.values):
            return "BELOW THE GATE"
        return "goal met" if self._holds(self.value, self.gate.goal) else "gate met"

    def _holds(self, value: float, bound: float) -> bool:
        return value <= bound if self.gate.most else value >= bound


def judge(results: Results) -> list[Verdict]:
    """Judge every gate that there are measurements for."""
    records = list(results)
    found = (_judge(gate, records) for gate in GATES)
    return [verdict for verdict in found if verdict]


def _judge(gate: Gate, records: list[Record]) -> Verdict | None:
    ours = series(gate, records, "ours")
    if not ours:
        return None
    if not gate.against:
        return Verdict(gate, tuple(ours.values()), "")
    names = PEERS if gate.against == "peers" else (gate.against,)
    best: Verdict | None = None
    for name in names:
        theirs = series(gate, records, name)
        ratios = tuple(
            _ratio(gate, ours[i], theirs[i]) for i in sorted(ours.keys() & theirs.keys())
        )
        found = Verdict(gate, ratios, name) if ratios else None
        # The best peer is the one that leaves us the smallest advantage.
        if found and (best is None or found.value < best.value):
            best = found
    return best


def _ratio(gate: Gate, ours: float, theirs: float) -> float:
    return ours / theirs if gate.most or gate.figure == "rate" else theirs / ours


def series(gate: Gate, records: list[Record], name: str) -> dict[int, float]:
    """Return a contender's figure by round; of a figure a stage, the worse stage's."""
    kinds = {"small": "resources", "large": "resources", "ready": "resources", "ping": "ping"}
    kind = kinds.get(gate.figure, "load")
    found = [
        each
        for each in records
        if each["kind"] == kind
        and each["contender"] == name
        and each.get("cell", "") == (gate.cell or each.get("cell", ""))
    ]
    return {each["round"]: _worst(each[gate.figure]) for each in found}


def _worst(value: float | list[float]) -> float:
    return max(value) if isinstance(value, list) else value
