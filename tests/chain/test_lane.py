from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stagewire import media
from stagewire.codec import npy
from stagewire.codec.plain_csv import FEW
from stagewire.errors import StageError
from stagewire.request import Policy
from stagewire.script import Context
from stagewire.table import Column

KINDS = (
    "text/csv",
    "TEXT/CSV; charset=utf-8",
    "text/csv; charset=latin-1",
    "text/csv; header=absent",
    "text/csv; header=present",
    "text/csv; bad-rows=null",
    "text/csv; bad-rows=drop; proba=true",
    "text/csv; bad-rows=perhaps",
    "text/csv; sw-id=mine; sw-origin=json-instances",
    "application/json",
    "application/x-npy",
    "application/x-npy; sw-id=abc; sw-origin=csv; sw-bad-rows=fail",
    'application/x-npy; sw-id="a:b"; sw-origin=json-instances; sw-bad-rows=null',
    "application/x-npy; sw-origin=csv; sw-id=abc; sw-bad-rows=drop; sw-proba=true",
    "application/x-npy; sw-id=abc; sw-origin=jsonlines; sw-bad-rows=fail",
    "application/x-npy; sw-id=abc; sw-id=abd; sw-origin=nobody",
    "application/x-npy; SW-ID=abc; sw-id=abd; sw-origin=csv",
    'application/x-npy; a="; sw-id=abc; "; sw-origin=csv',
    'application/x-npy; sw-id="_"; sw-origin=csv',
    "csv",
)
ACCEPTS = (
    None,
    "*/*",
    "application/json",
    "application/*",
    "text/csv",
    "text/csv;q=0.5, application/json",
    "application/x-npy",
    "application/jsonlines",
    "image/png",
    "text/csv;q=2",
)
# A caller's own ids: `:` may stand in one, and in a Content-Type only between quotes.
IDS = ("given", "a:b", "::1", "a.b-c_d", "x" * 64)
ROWS = (
    "M,0.455,0.365,0.095,0.514,0.2245,0.101,0.15",
    "F,0.53,0.42,0.135,0.677,0.2565,0.1415,0.21",
    "I,,0.255,0.08,0.205,0.0895,0.0395,0.055",
    ",0.425,0.3,-0,,0.141,0.0775,0.12",
)
ODD_ROWS = (
    "?,0.455,0.365,0.095,0.514,0.2245,0.101,0.15",
    "M,1e300,0.365,0.095,0.514,0.2245,0.101,0.15",
    "M,3.5e38,0.365,0.095,0.514,0.2245,0.101,0.15",
    "M,-1e-5,0.365,0.095,0.514,0.2245,0.101,0.15",
    "M,x,0.365,0.095,0.514,0.2245,0.101,0.15",
    "M,0.455,0.365,0.095,0.514,0.2245,0.101,0.15,9",
    '"M",0.455,0.365,0.095,0.514,0.2245,0.101,0.15',
    "M,0.455",
    "",
)


@pytest.fixture
def both(stages):
    """Each stage as its server would load it, by name."""
    return dict(zip(("featurizer", "predictor"), stages, strict=True))


def said(stage, body, kind, accept, given="given"):
    """All that a caller sees, refusals included."""
    context = Context("", given)
    try:
        found = stage.answer(body, kind, accept, context)
    except StageError as error:
        return error.status, error.as_json(stage=stage.name, request_id=context.request_id)
    return (*found, context.request_id)


def ways(stage, *sent):
    """What the lane says, and what the general way does."""
    return tuple(said(each, *sent) for each in (stage, replace(stage, straight=False)))


bodies = st.builds(
    lambda lines, times, end: ("\n".join(lines * times) + end).encode(),
    st.lists(st.sampled_from((*ROWS, *ROWS, *ROWS, *ODD_ROWS)), min_size=1, max_size=4),
    st.sampled_from([1, 1, 2, FEW, 60]),
    st.sampled_from(["", "\n", "\n", "\n\n"]),
)
blocks = st.builds(
    lambda rows, width, dtype, seed: (
        np.random.default_rng(seed)
        .choice([0.0, -0.0, 1.5, -2.25, np.inf if seed < 5 else np.nan, 1e-3], size=(rows, width))
        .astype(dtype)
    ),
    st.sampled_from([0, 1, 3, 40]),
    st.sampled_from([9, 10, 10, 10, 11]),
    st.sampled_from(["<f4", "<f4", "<f8", ">f4"]),
    st.integers(0, 99),
)


@pytest.mark.parametrize("options", [{}, {"policy": Policy.NULL}, {"default_accept": "text/csv"}])
@pytest.mark.parametrize("name", ["featurizer", "predictor"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.tuples(
        bodies | blocks.map(npy.dump),
        st.sampled_from((*KINDS[:4], *KINDS)),
        st.sampled_from((*ACCEPTS[:4], *ACCEPTS)),
        st.sampled_from(IDS),
    )
)
def test_both_ways_answer_alike(both, name, options, sent):
    """Whatever is sent, the lane's status, body and headers are the general way's, and can be read."""
    lane, general = ways(replace(both[name], **options), *sent)

    assert lane == general
    if isinstance(lane[0], bytes):
        assert media.parse(lane[1]).parameters.get("sw-id", lane[2]) == lane[2]


@pytest.mark.parametrize("kind", KINDS)
def test_every_content_type_and_accept(both, kind):
    """Every pair of the headers above, for a row and for many, plain and as features."""
    features = npy.dump(np.arange(20, dtype=np.float32).reshape(2, 10))
    usual = "".join(f"{row}\n" for row in ROWS).encode()

    pairs = [
        ways(stage, body, kind, accept)
        for stage in both.values()
        for body in (usual[:44], usual, usual * 20, features, features[:-1], b"")
        for accept in ACCEPTS
    ]

    assert [lane for lane, _ in pairs] == [general for _, general in pairs]


@pytest.mark.parametrize("given", IDS)
def test_an_id_crosses_the_hop(both, given):
    """The next stage reads the very id that the caller gave, whichever way both stages take."""
    firsts, seconds = ((each, replace(each, straight=False)) for each in both.values())
    crossed = []
    for first in firsts:
        body, kind = first.answer(ROWS[0].encode(), "text/csv", None, Context("", given))
        for second in seconds:
            crossed.append(Context("", "another"))
            second.answer(body, kind, None, crossed[-1])

    assert [context.request_id for context in crossed] == [given] * 4


def taken(stage, body, content_type, accept, given):
    """Ask the lane alone, as the server does."""
    bare, passed = media.apart(content_type)
    return stage.at_once(body, bare, accept, passed or given, passed=passed is not None)


@pytest.mark.parametrize("size", [1, FEW, 40])
def test_usual_requests_take_the_lane(both, size):
    """CSV to the hop, the hop to CSV, and CSV between: none of them goes the general way."""
    body = "".join(f"{ROWS[i % 4]}\n" for i in range(size)).encode()
    first, second = both["featurizer"], both["predictor"]

    hop, kind = taken(first, body, "text/csv", "*/*", "a")
    text, plain = taken(first, body, "text/csv; charset=utf-8", "text/csv", "a")
    answers = [taken(second, hop, kind, "*/*", "b"), taken(second, text, plain, None, "a")]

    assert kind == "application/x-npy; sw-id=a; sw-origin=csv; sw-bad-rows=fail"
    assert answers[0][1] == "text/csv"
    assert answers[0][0].count(b"\n") == size
    assert answers[1] is None or answers[1] == answers[0]


def test_many_numbers_are_written_as_before(both):
    """The predictions' text is the shortest that reads back equal, whatever the numbers are."""
    values = [1e-45, -0.0, 9.0, 1.5e-7, 3.4028235e38, 16777216.0, 1e16, 0.1, np.nan]
    draw = np.random.default_rng(0).integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32)
    numbers = np.concatenate([np.array(values, np.float32), draw[np.isfinite(draw)]])

    class Model:
        """Answers these numbers, whatever is asked."""

        def block(self, features):
            return (Column("prediction", numbers[: len(features)], "prediction"),)

    stage = replace(both["predictor"], model=Model())
    body = npy.dump(np.zeros((len(numbers), 10), np.float32))

    text, _ = stage.answer(body, "application/x-npy; sw-origin=csv", "text/csv", Context("", "a"))
    cells = text.decode().split("\n")[:-1]

    assert np.array([cell or "nan" for cell in cells], np.float32).tobytes() == numbers.tobytes()
    assert cells[:3] == ["1e-45", "-0.0", "9.0"]
