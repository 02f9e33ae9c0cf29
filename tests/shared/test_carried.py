"""Columns that ride along, of every type that Arrow has, into every form that an answer may have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagewire import media
from stagewire.codec.arrow import load
from stagewire.errors import NotAcceptable
from stagewire.schema import schema
from stagewire.table import Column, Table
from stagewire.testing import arrow, ask, stage_of

NAN, INF = float("nan"), float("inf")
TEXTS = (media.CSV, media.JSON, media.JSONLINES)


@pytest.fixture(params=["alone", "over a hop"])
def answered(request, regressor):
    """Return what becomes of a carried column in a form of text: cells, or JSON's values."""

    def ask_for(column: pa.Array, accept: str) -> list[object]:
        sent = arrow(length=[1.0] * len(column), c=column, weight=[2.0] * len(column))
        stage, kind = regressor, media.ARROW
        if request.param == "over a hop":
            stage, (sent, kind) = SECOND, ask(FIRST, sent, kind)
        body, _ = ask(stage, sent, kind, accept)
        if accept == media.CSV:
            lines = body.decode().splitlines()[1:]
            return [line.removeprefix("1.0,").removesuffix(",2.0,2.0") for line in lines]
        rows = orjson.loads(body) if accept == media.JSON else map(orjson.loads, body.splitlines())
        return [row["c"] for row in rows]

    return ask_for


DAY = datetime(2020, 2, 29, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column", "cells", "values"),
    [
        (pa.array([1.5, NAN, None]), ["1.5", "", ""], [1.5, None, None]),
        (pa.array([0.1, None], pa.float32()), ["0.1", ""], [0.1, None]),
        (pa.array([1.5, NAN], pa.float16()), ["1.5", ""], [1.5, None]),
        (pa.array([2**64 - 1, None], pa.uint64()), [str(2**64 - 1), ""], [2**64 - 1, None]),
        (pa.array([True, None]), ["true", ""], [True, None]),
        (
            pa.array([1, None], pa.timestamp("ns")),
            ["1970-01-01T00:00:00.000000001", ""],
            ["1970-01-01T00:00:00.000000001", None],
        ),
        (
            pa.array([0, None], pa.timestamp("s", "Europe/Berlin")),
            ["1970-01-01T01:00:00+01:00", ""],
            ["1970-01-01T01:00:00+01:00", None],
        ),
        (pa.array([0, None], pa.date32()), ["1970-01-01", ""], ["1970-01-01", None]),
        (
            pa.array([1000, None], pa.time64("ns")),
            ["00:00:00.000001", ""],
            ["00:00:00.000001", None],
        ),
        (pa.array(["a", None]).dictionary_encode(), ["a", ""], ["a", None]),
        (pa.array([NAN, 1.0]).dictionary_encode(), ["", "1.0"], [None, 1.0]),
        (pa.array([[1, None], None]), ['"[1,null]"', ""], [[1, None], None]),
        (pa.array([[NAN], None]), ["[null]", ""], [[None], None]),
        *(
            (
                pa.array([[DAY], None], pa.list_(pa.timestamp(unit, "UTC"))),
                [f'"[""{DAY.isoformat()}""]"', ""],
                [[DAY.isoformat()], None],
            )
            for unit in ("us", "ns")
        ),
    ],
    ids=lambda item: str(item.type) if isinstance(item, pa.Array) else "",
)
def test_what_text_can_carry_it_carries(answered, column, cells, values):
    """A value is the shortest text that reads back as it; missing is an empty cell, or null."""
    assert answered(column, media.CSV) == cells
    assert answered(column, media.JSON) == values
    assert answered(column, media.JSONLINES) == values


@pytest.mark.parametrize("accept", TEXTS)
@pytest.mark.parametrize(
    "column",
    [
        pa.array([INF, 1.0]),
        pa.array([-INF, None], pa.float32()),
        pa.array([-INF, 1.0]).dictionary_encode(),
        pa.array([[INF]]),
        pa.array([{"a": [1.0, -INF]}]),
        pa.array([2**62], pa.timestamp("s")),
        pa.array([0], pa.timestamp("us", "Nowhere/At All")),
        pa.array([10**8], pa.date32()),
        pa.array([2**60], pa.duration("s")),
        pa.array([timedelta(seconds=90)], pa.duration("s")),
        pa.array([1], pa.time64("ns")),
        pa.array([b"\xff"]),
        pa.array([[b"a"]]),
        pa.array([[Decimal("1.5")]]),
        pa.array([{"a": Decimal("1.5")}]),
        pa.array([pa.MonthDayNano([1, 2, 3])]),
    ],
    ids=lambda item: str(getattr(item, "type", item)),
)
def test_what_text_cannot_carry_is_406(answered, accept, column):
    """No value is rounded, shown as Python writes it, or a failure of ours: Arrow is named."""
    with pytest.raises(NotAcceptable, match=r"column 'c' .*ask for Arrow"):
        answered(column, accept)


def test_csv_carries_decimals_which_json_has_no_form_for(answered):
    """A decimal is text in a CSV, and would be a float in JSON."""
    column = pa.array([Decimal("1.20")])

    assert answered(column, media.CSV) == ["1.20"]
    with pytest.raises(NotAcceptable, match="ask for Arrow"):
        answered(column, media.JSON)


@pytest.mark.parametrize("accept", TEXTS)
def test_a_missing_feature_is_repeated_as_missing(regressor, accept):
    """A NaN of the caller's own reads as every missing value does."""
    sent = arrow(length=np.array([1.0, 2.0]), weight=np.array([NAN, 3.0], np.float32))

    body, _ = ask(regressor, sent, media.ARROW, accept)

    missing = b"1.0,,2.0" if accept == media.CSV else b'"weight":null'
    assert missing in body


TYPES = st.sampled_from(
    [
        *(pa.int8(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.bool_()),
        *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.null()),
        *(pa.date32(), pa.date64(), pa.time32("s"), pa.time64("ns"), pa.duration("us")),
        *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
        *(pa.timestamp("us", "Asia/Tokyo"), pa.decimal128(18, 4), pa.list_(pa.int16())),
    ]
)


@st.composite
def columns(draw):
    """Draw a column of any type, its bytes at random: what a stranger's stream may hold."""
    kind = draw(TYPES)
    size = draw(st.integers(1, 3))
    if pa.types.is_null(kind):
        return pa.nulls(size)
    if pa.types.is_list(kind):
        cells = st.none() | st.lists(st.none() | st.integers(-9, 9), max_size=2)
    elif pa.types.is_boolean(kind):
        cells = st.none() | st.booleans()
    elif pa.types.is_binary(kind):
        cells = st.none() | st.binary(max_size=4)
    elif "string" in str(kind):
        cells = st.none() | st.text(st.characters(codec="utf-8"), max_size=4)
    else:
        return draw(fixed(kind, size))
    return pa.array(draw(st.lists(cells, min_size=size, max_size=size)), kind)


@st.composite
def fixed(draw, kind, size):
    """Draw a column whose cells have a width, from bytes and a bitmap of what is there."""
    width = kind.bit_width // 8
    there = pa.py_buffer(draw(st.binary(min_size=1, max_size=1)))
    cells = pa.py_buffer(draw(st.binary(min_size=size * width, max_size=size * width)))
    column = pa.Array.from_buffers(kind, size, [there, cells])
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:  # a time beyond its day, a decimal beyond its digits
        return pa.nulls(size, kind)
    return column


NUMBERS = schema([("length", "float64"), ("weight", "float64")])


def halves(table: Table, _model: object) -> Table:
    """Make features of two numbers."""
    return Table(tuple(Column(n, table[n] / 2) for n in NUMBERS.names), table.rows)


FIRST = stage_of(halves, input=NUMBERS, output=NUMBERS, hop_dtype="float64")
SECOND = stage_of(lambda table, _: table["length"] * 4, input=NUMBERS)


@settings(max_examples=200)
@given(column=columns(), hops=st.booleans(), accept=st.sampled_from([None, *TEXTS]))
def test_any_column_rides_along_or_is_refused(column, hops, accept):
    """Over one stage or two, in Arrow it comes back as it went, and in text it does or is 406."""
    ones = [1.0] * len(column)
    sent, kind = arrow(length=ones, c=column, weight=ones), media.ARROW
    if hops:
        sent, kind = ask(FIRST, sent, kind)

    try:
        body, found = ask(SECOND, sent, kind, accept)
    except NotAcceptable as refused:
        assert accept
        assert "ask for Arrow" in refused.message  # noqa: PT017 (either outcome is right)
        return

    assert found == (accept or media.ARROW)
    if not accept:
        back = load(body).column("c").combine_chunks()
        assert back.type == column.type
        assert shown(back) == shown(column)
    elif accept == media.JSON:
        assert len(orjson.loads(body)) == len(column)


def shown(column: pa.Array) -> str:
    """Write a column so that every NaN is equal, and no value is beyond what Python has."""
    return repr(column.to_numpy(zero_copy_only=False))
