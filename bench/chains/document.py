"""The page of results: numbers first, then how they came about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from chains import between, starting, table
from chains.cells import HEADLINE, MATRIX, Cell
from chains.contenders import CONTENDERS
from chains.figures import TITLES, Figures
from chains.gates import judge
from chains.places import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chains.results import Results

MIB: Final = 2**20


def page(results: Results, plots: Sequence[str]) -> str:
    """Return the Markdown of a run."""
    figures = Figures(results)
    parts = [
        "# The chain against its rivals\n",
        _facts(results),
        "## Gates and goals\n",
        ABOUT_GATES,
        table.markdown(judge(results)),
        _troubles(results),
        between.section(results),
        "## Headline cells\n",
        *(_cell(figures, each) for each in HEADLINE),
        "## The matrix\n",
        "p50 in ms, and chains a second, by rows x clients.\n",
        _matrix(figures, "p50"),
        _matrix(figures, "rate"),
        "## Memory, start, size, /ping\n",
        RESOURCES,
        _resources(figures),
        "## Where the time goes\n",
        *(f"![{_alt(name)}](plots/{name}.svg)\n" for name in plots),
        _profiles(figures),
        _starts(figures),
        _limits(results),
        "## How it was measured\n",
        METHOD,
        _generator(results),
        "### Contenders\n",
        _contenders(figures),
    ]
    return "\n".join(part for part in parts if part)


ABOUT_GATES: Final = """Ratios are taken round by round; shown are the median and the range of the rounds. Two containers, CSV in
and out. Of a figure a stage, the worse stage's. `peers` stands for the best of MLServer, LitServe and BentoML, named.
"""
RESOURCES: Final = """PSS of a stage's processes in MiB (featurizer / predictor), after 1-row requests of 64 clients and after
10,000-row ones of 8 (a page that several processes of this machine share, such as the interpreter's, counts in parts; the
containers share none); seconds from the process's start to its first 200; what the environment or the image takes on disk;
`/ping` p99 and the longest wait in ms while 64 clients send 1,000 rows (a ping that was not answered at the end counts as
long as it had waited).
"""
METHOD: Final = """One command builds every contender in an environment of its own from versions and hashes, gives all the same
trees and the same rows of the abalone data, and compares every answer with the libraries' own numbers: ours to the bit, the
others' within 1e-5. A round loads every contender once for each cell, in an order drawn anew, while all others are idle: the
next one begins when the last has worked off what its clients left.
The load generator (`bench/load.c`) plays the platform: it posts to the first container and forwards body and Content-Type of
the answer to the second, N clients in a closed loop, connections kept alive, on the same cores as the chain. CPU is that of
the stages' processes and their children, a chain. Early stopping's surplus trees are cut off the others' model, whose
libraries would use them. OMP_NUM_THREADS=1 is set where it helps the contender; the classic pair as published has it not.
The peers' stages call scikit-learn on a DataFrame and XGBoost by its scikit-learn interface; MLServer takes CSV by a custom
endpoint, LitServe and BentoML speak JSON, whose answer is the next request. Starts are with a warm page cache, `docker run`
included for the containers, one stage after the other. Our two stages have an environment each, as in their images; a rival's
two share one, which spares it memory. The limit reads CSV by splitting, by orjson or by Arrow, whichever is the cheapest for the
size, and calls XGBoost by its Python interface; at 1,000 rows our own reader and XGBoost's C interface take less than that, so
that our whole chain can be below the limit there.
"""


def _facts(results: Results) -> str:
    found = results.of(kind="facts")
    if not found:
        return ""
    told = found[-1]
    libraries = ", ".join(f"{name} {version}" for name, version in told["libraries"].items())
    return (
        f"Measured on {told['day']} at commit {told['commit']}: {told['cores']} cores of {told['cpu']}, "
        f"{told['memory_gib']} GiB, {told['system']}, Python {told['python']}; {libraries}. "
        f"The model has {told['model']['trees']} trees over {told['model']['features']} features. "
        f"The machine is shared: its load was {told['load']:.1f} when the run began.\n"
    )


def _troubles(results: Results) -> str:
    lines = [f"- WRONG: {each['message']}" for each in results.of(kind="wrong")]
    lines += [f"- refused: {each['message']}" for each in results.of(kind="refused")]
    shown = [line.replace("\n", " ")[:300] for line in lines]
    return "\nEvery answer agreed.\n" if not lines else "\n" + "\n".join(shown) + "\n"


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines) + "\n"


def _cell(figures: Figures, where: Cell) -> str:
    clients = f"{where.clients} client{'s' if where.clients > 1 else ''}"
    rows = []
    for name in figures.names:
        told = [figures.load(name, where, f) for f in ("p50", "p99", "rate", "cpu_ms", "generator")]
        if told[0] is not None:
            shown = [_short(value) for value in told[:4]] + [f"{told[4] or 0:.0%}"]
            rows.append([name, *shown])
    head = ["", "p50 ms", "p99 ms", "chains/s", "CPU ms a chain", "generator's core"]
    title = f"**{_rows(where.rows)}, {clients}**\n"
    return title + "\n" + _grid(head, rows) if rows else ""


def _matrix(figures: Figures, figure: str) -> str:
    there = [each for each in MATRIX if figures.load("ours", each, figure) is not None]
    rows = [
        [name, *(_short(figures.load(name, each, figure)) for each in there)]
        for name in figures.names
        if figures.of("load", name)
    ]
    head = [figure.replace("rate", "chains/s"), *(each.name for each in there)]
    return _grid(head, rows) if there else ""


def _resources(figures: Figures) -> str:
    head = ["", "small", "large", "start s", "on disk MiB", "/ping p99", "longest"]
    rows = []
    for name in figures.names:
        sizes, pings = figures.of("size", name), figures.of("ping", name)
        told = [_both(figures.stages(name, f), form) for f, form in FORMS]
        told.append(_both([each / MIB for each in sizes[0]["bytes"]], "{:.0f}") if sizes else "")
        told.append(
            _both([max(p) for p in zip(*(e["ping"] for e in pings), strict=True)], "{:.1f}")
        )
        told.append(_both(_longest(pings), "{:.0f}"))
        if any(told):
            rows.append([name, *told])
    return _grid(head, rows)


FORMS: Final = (("small", "{:.0f}"), ("large", "{:.0f}"), ("ready", "{:.2f}"))


def _longest(pings: list[dict[str, Any]]) -> list[float]:
    return [
        max(each.get("max", 0) for each in p)
        for p in zip(*(e["pings"] for e in pings), strict=True)
    ]


def _both(values: Sequence[float], form: str) -> str:
    return " / ".join(form.format(value) for value in values)


def _profiles(figures: Figures) -> str:
    found = [each for each in figures.of("inside", "ours") if "profile" in each["stages"][0]]
    parts = [
        "The stages' own functions, by their own time under cProfile, which makes small ones look larger:\n"
    ]
    for each in found:
        for which, told in zip(STAGES, each["stages"], strict=True):
            title = f"{which}, {_rows(each['rows'])}: {told['answer']:,.0f} us without the profiler"
            parts.append(
                "\n".join([f"    {title}", *(f"    {line}" for line in told["profile"])]) + "\n"
            )
    return "\n".join(parts) if found else ""


def _starts(figures: Figures) -> str:
    found = figures.of(starting.NAME, "ours")
    if not found:
        return ""
    text = "What our stages import until they answer, ms by package (under the interpreter's own clock, which adds a little):\n"
    lines = [
        f"- {which}: {sum(told.values()):.0f} in all; "
        + ", ".join(f"{name} {value:.0f}" for name, value in told.items() if value >= 1)
        for which, told in zip(STAGES, found[0]["stages"], strict=True)
    ]
    return "\n".join([text, *lines, ""])


def _limits(results: Results) -> str:
    return "\n".join(
        f"A body of {each['bytes'] / MIB:.0f} MiB is answered {each['status']}: `{each['text']}`\n"
        for each in results.of(kind="limit")
    )


def _generator(results: Results) -> str:
    found = results.of(kind="generator")
    lines = [
        f"- {each['cell']}: {each['rate']:,.0f} chains/s, p50 {each['p50']:.3f} ms, p99 {each['p99']:.3f} ms, {each['generator']:.0%} of a core"
        for each in found
    ]
    text = "Against stages that only send back what came, the generator itself does (rows x clients); its p99 is the machine's own:\n"
    return "\n".join([text, *lines, ""]) if found else ""


def _contenders(figures: Figures) -> str:
    return _grid(["", "how it is set up"], ([n, CONTENDERS[n].about] for n in figures.names))


def _alt(name: str) -> str:
    return TITLES[name][0] if name in TITLES else "Where the time of one request goes"


def _rows(count: int) -> str:
    return f"{count:,} row{'s' if count > 1 else ''}"


def _short(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 (three digits)
