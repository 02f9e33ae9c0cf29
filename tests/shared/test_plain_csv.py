from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stagewire.codec import text_csv
from stagewire.codec.plain_csv import FEW, plain
from stagewire.conform import conform
from stagewire.errors import StageError
from stagewire.media import CSV, MediaType, parse
from stagewire.schema import schema

MIXED = schema([("sex", "string"), ("length", "float64"), ("weight", "float32")])
NUMBERS = schema([("a", "float64"), ("b", "float64")])
ALONE = schema([("a", "float64")])
NUMBERED = schema([("0", "float64"), ("1", "float64")])
SCHEMAS = (MIXED, NUMBERS, ALONE, NUMBERED)

# Whatever a cell can be that one reader might take for something else than the other.
ODD = (
    *(
        "",
        " ",
        "\t",
        "0",
        "-0",
        "+0",
        "00501",
        "1.",
        ".5",
        "-.5",
        ".",
        "-",
        "+",
        "-.",
        "1.2.3",
        "--1",
        "1-",
        "1-2",
    ),
    *(
        "1e5",
        "1E-5",
        "1e-400",
        "1e400",
        "-1e309",
        "3.5e38",
        "1e",
        "e5",
        "1e+2",
        "1_000",
        "0x1p3",
        "1,5",
    ),
    *(
        "nan",
        "NaN",
        "-nan",
        "inf",
        "-Infinity",
        "NA",
        "null",
        "None",
        "true",
        "٣",
        "\uff11",
        "é",
        "\u2028",
        "\x0b",
    ),
    *(
        '"1"',
        '"',
        '""',
        "'1'",
        "a\0b",
        "\ufeff",
        "1\r",
        "\r",
        "M",
        "sex",
        " SEX ",
        "Length",
        "a",
        "B",
        "1:2",
        "1/2",
    ),
    *(
        "123456789",
        "12345678",
        "12345678.12345678",
        "9007199254740993",
        "0.1234567890123456789",
        "1234567.12345678",
    ),
    *(
        "99999999.9999999",
        "00000000.00000001",
        "0.30000000000000004",
        "179769313486231580793728971405301e0",
        "9" * 400,
    ),
)
plain_numbers = st.one_of(
    st.just(""),
    st.integers(-(10**10), 10**10).map(str),
    st.decimals(-9999, 9999, places=4).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e4, 1e4, width=32).map(str),
)
words = st.sampled_from(["M", "F", "I", "", "a.b", "St. Louis", "x-y", "é"])
cells = st.one_of(plain_numbers, st.sampled_from(ODD), words)
ends = st.sampled_from(["\n", "\n", "\n", "\n", "\r\n", "\r", "\n\n"])


@st.composite
def odd_bodies(draw):
    """Lines of which some are odd, of few rows or of many."""
    count = draw(st.integers(1, 6) | st.integers(FEW, FEW + 6))
    usual = draw(st.lists(st.lists(plain_numbers, min_size=3, max_size=3), min_size=1, max_size=4))
    lines = [draw(words) + "," + ",".join(usual[i % len(usual)][1:]) for i in range(count)]
    for _ in range(draw(st.integers(0, 3))):
        line = ",".join(draw(st.lists(cells, min_size=0, max_size=5)))
        lines[draw(st.integers(0, count - 1))] = line
    joined = "".join(line + draw(ends) for line in lines[:-1]) + lines[-1]
    return (joined + draw(st.sampled_from(["", "\n", "\n", "\n\n", "\r\n", ","]))).encode()


@st.composite
def plain_bodies(draw):
    """Lines that leave no doubt, of numbers alone or with a word first."""
    found = draw(st.sampled_from([MIXED, NUMBERS]))
    count = draw(st.integers(1, 4) | st.integers(FEW - 1, FEW + 3))
    fill = st.lists(plain_numbers, min_size=2, max_size=2).map(",".join)
    some = draw(st.lists(fill, min_size=1, max_size=5))
    first = [draw(st.sampled_from(["M,", "a.b,", "-,", ","])) if found is MIXED else ""]
    lines = [first[0] + some[i % len(some)] for i in range(count)]
    return found, ("\n".join(lines) + draw(st.sampled_from(["", "\n"]))).encode()


def read(reader, body, media, found):
    """All that decides what comes of a body: the values to the bit, or the refusal."""
    try:
        parsed = reader(body, media, found)
    except StageError as error:
        return type(error), error.message
    conformed = [
        conform(parsed.kind, column, field)
        for column, field in zip(parsed.columns, found.fields, strict=False)
    ]
    values = [
        (array.dtype, array.tolist() if array.dtype == object else array.tobytes())
        for array, _ in conformed
    ]
    errors = [*parsed.errors, *(error for _, each in conformed for error in each)]
    return parsed.origin, parsed.names, parsed.rows, values, errors


def agrees(body, found, media=MediaType(CSV)):  # noqa: B008 (frozen)
    """Compare both readers."""
    with np.errstate(all="ignore"):
        fast = read(text_csv.parse, body, media, found)
        careful = read(text_csv.careful, body, media, found)
    assert fast == careful
    return True


@given(odd_bodies(), st.sampled_from(SCHEMAS))
@example(b"-,1,2\n" * 20, MIXED)
@example(b",,\n" * 20, MIXED)
@example(b"1,2\n" * 20 + b"\n", NUMBERS)
@example(b"1,2\n\n" + b"1,2\n" * 20, NUMBERS)
@example(b"1,2,3\n" * 20, NUMBERS)
@example(b"1,2\n" * 20 + b"1,2,3\n", NUMBERS)
@example(b"1,2,3\n4\n" * 20, NUMBERS)
@example(b"\xff,1,2\n" * 20, MIXED)
@example("é,1,2\n".encode() * 20, MIXED)
@example(b"1\n\n2\n", ALONE)
@example(b"0,1\n2,3\n", NUMBERED)
def test_a_fast_reader_agrees_with_the_careful_one(body, found):
    """Any body gives the same values to the bit, or the same refusal."""
    assert agrees(body, found)


@pytest.mark.parametrize("rows", [1, FEW + 4])
@pytest.mark.parametrize("cell", ODD)
def test_an_odd_cell_is_what_it_was(cell, rows):
    """Each odd cell means the same in a number's place and in a text's, among few rows and many."""
    usual = ["F,1.5,2\n"] * (rows - 1)

    bodies = [
        "".join([*usual, line, *usual]).encode()
        for line in (f"M,{cell},2\n", f"{cell},1,2\n", f"M,1,{cell}", f"M,1,{cell}\n")
    ]

    assert all(agrees(body, MIXED) for body in bodies)


@given(plain_bodies())
def test_plain_bodies_are_read_fast(drawn):
    """What a library writes without exponents is not left to the careful reader."""
    found, body = drawn
    short = b"e" not in body and len(max(body.replace(b"\n", b",").split(b","), key=len)) <= 8

    columns = plain(found).columns(body)

    assert agrees(body, found)
    assert columns is not None or not short or not body.strip()


@given(
    st.lists(
        st.tuples(st.integers(0, 10**8 - 1), st.integers(0, 8), st.booleans()),
        min_size=40,
        max_size=60,
    )
)
def test_every_decimal_is_rounded_as_float_rounds_it(drawn):
    """Numbers of up to sixteen characters equal float() of their text to the bit."""
    texts = []
    for number, places, negative in drawn:
        text = f"{number:0{places + 1}d}"
        cut = len(text) - places
        texts.append("-" * negative + (f"{text[:cut]}.{text[cut:]}" if places else text))

    (left, right) = plain(NUMBERS).columns("".join(f"{text},{text}\n" for text in texts).encode())

    assert left.tobytes() == right.tobytes() == np.array([float(text) for text in texts]).tobytes()


@pytest.mark.parametrize(
    "header",
    [
        "text/csv; header=present",
        "text/csv; header=absent",
        "text/csv; header=ABSENT",
        "text/csv; header=perhaps",
        "text/csv; charset=utf-8",
        "text/csv; charset=US-ASCII",
        "text/csv; charset=latin-1",
        "text/csv; charset=utf-16",
        "text/csv; charset=klingon",
    ],
)
def test_parameters_mean_what_they_meant(header):
    """A stated header or charset is obeyed, or refused, in the same words."""
    bodies = [b"M,1,2\n", b"M,1,2\n" * 20, b"sex,length,weight\nM,1,2\n", "é,1,2\n".encode() * 20]

    agreed = [agrees(body, MIXED, parse(header)) for body in bodies]

    assert all(agreed)
