"""What is made of measurements: verdicts, tables and plots, and answers that disagree."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest
from chains import between, figures, models, starting, table
from chains.agreement import check, numbers
from chains.cells import HEADLINE
from chains.contenders import CONTENDERS
from chains.document import page
from chains.gates import judge
from chains.load import Wrong
from chains.results import Results


@pytest.fixture
def results(tmp_path):
    """An empty file of measurements."""
    return Results(tmp_path / "some.jsonl")


def measured(results, name, p50, rate, rounds=3):
    """Add rounds of the headline cells."""
    for number in range(rounds):
        for each in HEADLINE:
            results.add(
                kind="load",
                cell=each.name,
                contender=name,
                round=number,
                p50=p50,
                p99=2 * p50,
                rate=rate,
                cpu_ms=p50,
                generator=0.1,
            )


def verdicts(results):
    """Map figure and rival to value and judgement."""
    return {(v.gate.row, v.rival): (v.value, v.words) for v in judge(results)}


def test_ratios_are_judged_by_gate_and_goal(results):
    """A ratio above the goal meets it, one between meets the gate, one below is named so."""
    measured(results, "ours", p50=1.0, rate=1000.0)
    measured(results, "classic", p50=35.0, rate=50.0)
    measured(results, "workbench", p50=30.0, rate=10.0)

    found = verdicts(results)

    assert found["1 row, 1 client, p50 lower by", "classic"] == (35, "gate met")
    assert found["1 row, 1 client, p50 lower by", "workbench"] == (30, "goal met")
    assert found["1 row, 64 clients, throughput", "classic"] == (20, "BELOW THE GATE")


def test_one_round_below_the_gate_is_below_it(results):
    """The gate must hold in every round; the goal's median does not mend one that fell short."""
    measured(results, "ours", p50=1.0, rate=1000.0)
    for number, theirs in enumerate((50.0, 29.0, 50.0)):
        told = {"p50": theirs, "p99": 45.0, "rate": 2.0, "cpu_ms": 1.0, "generator": 0.1}
        results.add(kind="load", cell="1x1", contender="classic", round=number, **told)

    found = verdicts(results)

    assert found["1 row, 1 client, p50 lower by", "classic"] == (50, "BELOW THE GATE")


def test_what_lies_between_gate_and_goal_is_told_with_the_limits_own_figure(results):
    """Only such rows have a line, each with ours, the rival's and the limit's."""
    measured(results, "ours", p50=1.0, rate=1000.0)
    measured(results, "classic", p50=35.0, rate=50.0)
    measured(results, "limit", p50=0.75, rate=1000.0)

    lines = between.section(results).splitlines()

    assert [line for line in lines if line.startswith("- 1 row, 1 client")] == [
        "- 1 row, 1 client, p50 lower by, against classic: ours 1 ms, classic 35 ms, limit 0.75 ms",
        "- 1 row, 1 client, p99 lower by, against classic: ours 2 ms, classic 70 ms, limit 1.5 ms",
    ]


def test_imports_are_summed_by_package():
    """A module's own time counts for its package; what is no line of the clock is passed over."""
    lines = [
        "import time: self [us] | cumulative | imported package",
        "import time:      1500 |       1500 |   numpy.linalg._linalg",
        "import time:       500 |       2000 | numpy",
        "import time:      1000 |       1000 |     email.utils",
        '{"message":"import time: 7 | 7 | numpy"}',
    ]

    assert starting.packages(lines) == {"numpy": 2.0, starting.REST: 1.0}


def test_against_the_limit_less_is_better(results):
    """Ours over the limit's latency has an upper bound; its throughput has a lower one."""
    measured(results, "ours", p50=1.0, rate=400.0)
    measured(results, "limit", p50=0.45, rate=1000.0)

    found = verdicts(results)

    assert found["1 row, 1 client, p50 lower by", "limit"] == (pytest.approx(1 / 0.45), "gate met")
    assert found["1 row, 64 clients, throughput", "limit"] == (0.4, "gate met")


def test_the_best_peer_is_who_counts(results):
    """Of several peers the one that leaves us the smallest advantage is shown."""
    measured(results, "ours", p50=1.0, rate=1000.0)
    measured(results, "mlserver", p50=10.0, rate=10.0)
    measured(results, "bentoml", p50=50.0, rate=20.0)

    found = verdicts(results)

    assert found["1 row, 1 client, p50 lower by", "mlserver"] == (10, "BELOW THE GATE")
    assert found["1 row, 64 clients, throughput", "bentoml"] == (50, "gate met")


def test_a_stage_counts_by_its_worse_half(results):
    """Memory and start are a container's; the worse of the two is judged."""
    results.add(
        kind="resources",
        contender="ours",
        round=0,
        small=[50.0, 65.0],
        large=[90.0, 80.0],
        ready=[0.2, 0.4],
    )

    found = verdicts(results)

    assert found["memory a container, 1-row traffic", ""] == (65, "gate met")
    assert found["process start to first 200, sooner by", ""] == (0.4, "BELOW THE GATE")


def test_the_table_has_a_line_a_verdict(results):
    """Both forms of the table name the figure, the rival and the judgement."""
    measured(results, "ours", p50=1.0, rate=1000.0)
    measured(results, "limit", p50=0.5, rate=1000.0)

    found = judge(results)

    assert len(table.text(found).splitlines()) == len(found) + 1
    assert (
        "| 1 row, 64 clients, throughput | limit | 100% | 100% to 100% | 35% | 50% | goal met |"
        in (table.markdown(found))
    )


def test_plots_are_sound_xml_and_the_page_shows_them(results):
    """Every plot parses, and the page links it."""
    measured(results, "ours", p50=1.0, rate=1000.0)
    measured(results, "limit", p50=0.5, rate=2000.0)

    drawn = figures.plots(figures.Figures(results))
    text = page(results, list(drawn))

    assert drawn.keys() == {"latency", "throughput", "growth-rows", "growth-clients"}
    assert [ET.fromstring(each).tag.rpartition("}")[2] for each in drawn.values()] == (  # noqa: S314 (our own text)
        ["svg"] * len(drawn)
    )
    assert all(f"(plots/{name}.svg)" in text for name in drawn)


@pytest.mark.parametrize(
    "answer", [b"1.5\n2.5", b'{"result": [1.5, 2.5]}', b"[1.5, 2.5]", b'{"output": [1.5, 2.5]}']
)
def test_predictions_are_read_out_of_every_form(answer):
    """CSV and the JSON of the contenders say the same numbers."""
    assert numbers(answer).tolist() == [1.5, 2.5]


def test_a_wrong_answer_is_told(tmp_path):
    """Ours must agree to the bit, the others within 1e-5."""
    wanted = np.array([9.5, 10.25], np.float32)
    np.save(tmp_path / "reference.npy", wanted)
    reference = models.Reference(tmp_path / "reference.npy")
    near = b"9.50001\n10.25"

    check(CONTENDERS["classic"], 2, near, reference)

    with pytest.raises(Wrong, match="ours differs in 1 of 2 rows"):
        check(CONTENDERS["ours"], 2, near, reference)
    with pytest.raises(Wrong, match="classic differs by up to"):
        check(CONTENDERS["classic"], 2, b"9.6\n10.25", reference)
