from __future__ import annotations

import io
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stagewire.conform import conform, is_number
from stagewire.decoding import decode
from stagewire.errors import SchemaMismatch
from stagewire.excerpt import shorten
from stagewire.media import NPY, MediaType
from stagewire.parsed import ABSENT
from stagewire.schema import Field, Schema

NUMBER, SINGLE, TEXT = Field("a"), Field("a", "float32"), Field("a", "string")
NOT_A_NUMBER = "is not a number"
NOT_FINITE = "is not finite as float32"
INEXACT = "cannot be held exactly as float64"


@pytest.mark.parametrize(
    ("cell", "value"),
    [(" 1 ", 1.0), ("\t1e3", 1000.0), (".5", 0.5), ("-5.", -5.0), ("+1", 1.0), ("00501", 501.0)],
)
def test_text_that_is_a_number(cell, value):
    """A CSV number may have a sign, an exponent and blanks around it."""
    values, errors = conform("text", (cell,), NUMBER)

    assert values.tolist() == [value]
    assert not errors


@pytest.mark.parametrize("cell", ["", " ", "nan", "NaN", " -nan "])
def test_text_that_is_missing(cell):
    """An empty cell and NaN are missing in a number's column."""
    values, errors = conform("text", (cell,), NUMBER)

    assert math.isnan(values[0])
    assert not errors


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("1_000", NOT_A_NUMBER),
        ("\u0661\u0662", NOT_A_NUMBER),
        ("1\u00a0", NOT_A_NUMBER),
        ("1\n", NOT_A_NUMBER),
        ("\x1c1", NOT_A_NUMBER),
        ("0x10", NOT_A_NUMBER),
        ("1,5", NOT_A_NUMBER),
        ("NA", NOT_A_NUMBER),
        ("true", NOT_A_NUMBER),
        ("inf", NOT_FINITE),
        ("-Infinity", NOT_FINITE),
        ("1e400", NOT_FINITE),
    ],
)
def test_text_that_is_no_number(cell, reason):
    """What Python's float() would guess at is refused, with row, column and value."""
    values, errors = conform("text", ("1", cell), NUMBER)

    assert [(e.row, e.column, e.reason) for e in errors] == [(1, "a", reason)]
    assert values[0] == 1
    assert math.isnan(values[1])


@example(cells=["1E309"])
@given(cells=st.lists(st.text("0123456789.eE+-_ \t\n\x0b\x1c\u0661naif", max_size=6), min_size=1))
def test_the_fast_parser_answers_as_the_careful_one(cells):
    """A cell means the same whether all its neighbours are plain numbers or not."""
    together, errors = conform("text", cells, NUMBER)
    apart = [conform("text", (cell, "x"), NUMBER) for cell in cells]

    assert repr(together.tolist()) == repr([float(values[0]) for values, _ in apart])
    bad = {i for i, (_, found) in enumerate(apart) if any(each.row == 0 for each in found)}
    assert {each.row for each in errors} == bad


@pytest.mark.parametrize("cell", ["00501", "NA", "nan", "null", " x ", "1_000", "\U0001f600"])
def test_text_stays_text(cell):
    """Nothing is guessed in a text column: leading zeros, "NA" and blanks survive."""
    values, errors = conform("text", (cell, ""), TEXT)

    assert values.tolist() == [cell, None]
    assert not errors


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (True, NOT_A_NUMBER),
        ("1", "is text, not a number"),
        ([1], NOT_A_NUMBER),
        ({}, NOT_A_NUMBER),
        (ABSENT, "is absent"),
        (2**53 + 1, INEXACT),
        (10**400, NOT_FINITE),
        (math.inf, NOT_FINITE),
    ],
)
def test_json_that_is_no_number(cell, reason):
    """A boolean, text, a list, a huge integer or an absent key is no number in JSON."""
    _, errors = conform("json", (1, cell), NUMBER)

    assert [(e.row, e.reason) for e in errors] == [(1, reason)]


@pytest.mark.parametrize(
    ("kind", "cell", "shown"),
    [
        ("text", "1e400", "1e400"),
        ("text", "Infinity", "Infinity"),
        ("text", " -inf ", " -inf "),
        ("json", math.inf, "Infinity"),
        ("json", True, "true"),
        ("json", {"a": [None, "\u00e9"]}, '{"a": [null, "\u00e9"]}'),
        ("numpy", math.inf, "Infinity"),
    ],
)
def test_a_bad_value_is_shown_as_it_was_written(kind, cell, shown):
    """Who searches a file for the value that an error names finds it there, and Python is not in it."""
    cells = np.array([cell]) if kind == "numpy" else (cell,)

    _, errors = conform(kind, cells, NUMBER)

    assert [each.value for each in errors] == [shown]


@pytest.mark.parametrize("deep", [10, 990])
def test_a_value_of_lists_in_lists_is_shown_in_part(deep):
    """However deep a value is nested, and however much it holds, its error is a short one."""
    cell = [0] * 1_000_000
    for _ in range(deep):
        cell = [cell]

    _, errors = conform("json", (cell,), NUMBER)

    assert errors[0].value == ("[" * deep + "[0, " + "0, " * 40)[:79] + "\u2026"


def test_json_numbers():
    """Integers that fit and floats are numbers, null is missing."""
    values, errors = conform("json", (2**53, 0.1, None), NUMBER)

    assert repr(values.tolist()) == repr([2.0**53, 0.1, math.nan])
    assert not errors


@pytest.mark.parametrize(("cell", "reason"), [(1, "is not text"), (ABSENT, "is absent")])
def test_json_that_is_no_text(cell, reason):
    """A number in a text column is refused: "00501" could have been 501."""
    values, errors = conform("json", ("x", None, cell), TEXT)

    assert values.tolist() == ["x", None, None]
    assert [(e.row, e.reason) for e in errors] == [(2, reason)]


def test_beyond_float32_is_refused_only_where_float32_is_stated():
    """1e39 is finite as float64 and infinite as float32."""
    double, none = conform("text", ("1e39",), NUMBER)
    _, errors = conform("text", ("1e39",), SINGLE)

    assert double.tolist() == [1e39]
    assert not none
    assert [e.reason for e in errors] == [NOT_FINITE]


@pytest.mark.parametrize(
    ("array", "value"),
    [
        (pa.array([1, None], pa.int32()), 1.0),
        (pa.array([2**53, None], pa.int64()), 2.0**53),
        (pa.array([1.5, None], pa.float32()), 1.5),
        (pa.array([1.5, None], pa.float16()), 1.5),
        (pa.array([7, None], pa.uint64()), 7.0),
        (pa.array([3.5, None]).dictionary_encode(), 3.5),
    ],
    ids=lambda item: str(getattr(item, "type", item)),
)
def test_arrow_numbers(array, value):
    """Every width of integer and float is a number, null is missing, also behind a dictionary."""
    values, errors = conform("arrow", pa.chunked_array([array]), NUMBER)

    assert repr(values.tolist()) == repr([value, math.nan])
    assert not errors


@pytest.mark.parametrize(
    "array",
    [
        pa.array(["00501", None]),
        pa.array(["00501", None], pa.large_string()),
        pa.array(["00501", None], pa.string_view()),
        pa.array(["00501", None]).dictionary_encode(),
    ],
    ids=lambda array: str(array.type),
)
def test_arrow_text(array):
    """Every kind of Arrow text is text."""
    values, errors = conform("arrow", pa.chunked_array([array]), TEXT)

    assert values.tolist() == ["00501", None]
    assert not errors


@pytest.mark.parametrize(
    ("array", "field"),
    [
        (pa.array(["1"]), NUMBER),
        (pa.array([True]), NUMBER),
        (pa.array([1], pa.timestamp("s")), NUMBER),
        (pa.array([1]).cast(pa.decimal128(20, 0)), NUMBER),
        (pa.array([[1]]), NUMBER),
        (pa.array([1]), TEXT),
        (pa.array([b"x"]), TEXT),
    ],
    ids=str,
)
def test_arrow_columns_of_another_type_are_refused(array, field):
    """An Arrow column has one type; when it is the wrong one the column is at fault, not its rows."""
    with pytest.raises(SchemaMismatch, match="column 'a'"):
        conform("arrow", pa.chunked_array([array]), field)


@pytest.mark.parametrize("kind", ["arrow", "numpy"])
def test_integers_that_float64_rounds_are_refused(kind):
    """2**53 + 1 in a typed format is named, its neighbours are kept."""
    cells = np.array([2**53, 2**53 + 1, -(2**53) - 1])
    given_cells = pa.chunked_array([pa.array(cells)]) if kind == "arrow" else cells

    values, errors = conform(kind, given_cells, NUMBER)

    assert [(e.row, e.value, e.reason) for e in errors] == [
        (1, str(2**53 + 1), INEXACT),
        (2, str(-(2**53) - 1), INEXACT),
    ]
    assert values[0] == 2.0**53


@pytest.mark.parametrize("code", [0xD800, 0xDFFF, 0x110000, 0xFFFFFFFF])
@pytest.mark.parametrize("order", ["<", ">"])
def test_numbers_that_are_no_characters_are_refused(code, order):
    """An array states text by code points, which a stranger may have written: Python has no text of these."""
    codes = np.array([[0x10FFFF, 0x61], [0x61, code], [0, 0]], np.uint32).astype(f"{order}u4")
    file = io.BytesIO()
    np.save(file, np.zeros(3, [("a", f"{order}U2")]))
    body = file.getvalue()[: -codes.nbytes] + codes.tobytes()

    table = decode(body, MediaType(NPY), Schema((TEXT,)))

    assert [str(e) for e in table.errors] == ["row 1: column 'a' holds what is no character"]
    assert table["a"].tolist() == ["\U0010ffffa", None, None]


@pytest.mark.parametrize("cells", [[], [""], ["a"], ["\U0010ffff", "ab", ""]])
def test_any_text_of_an_array_is_text(cells):
    """One character, none of them and no rows at all are as good as any."""
    values, errors = conform("numpy", np.array(cells, "U2" if cells != ["a"] else "U1"), TEXT)

    assert values.tolist() == [cell or None for cell in cells]
    assert not errors


def test_null_columns_are_missing_whatever_is_wanted():
    """Arrow's null type holds nothing, which both kinds of column can be."""
    nothing = pa.chunked_array([pa.nulls(1)])

    assert math.isnan(conform("arrow", nothing, NUMBER)[0][0])
    assert conform("arrow", nothing, TEXT)[0].tolist() == [None]


def test_long_values_are_cut_in_messages():
    """A megabyte in a bad cell does not come back."""
    assert len(shorten("x" * 1000)) == 80
    assert is_number("1e5")
    assert not is_number("1e")
