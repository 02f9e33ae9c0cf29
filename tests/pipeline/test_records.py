from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewire.codec.cells import quote
from stagewire_pipeline import records
from stagewire_pipeline.errors import DataError

CSV = records.form("text/csv; header=present")
LINES = records.form("application/jsonlines")
# Cells that are hard to cut: quotes inside and out, every line end, separators.
TEXT = st.text(alphabet='ab,"\n\r x1', max_size=6)
BODY = st.one_of(TEXT, st.lists(TEXT, max_size=8).map("".join))
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def cut(body, form, size):
    """Cut a body into chunks."""
    return list(records.chunks(io.BytesIO(body), form, size=lambda: size))


def rows(body):
    """Read rows as the stages do."""
    return list(csv.reader(io.StringIO(body.decode(), newline="")))


def written(cells, end):
    """Write rows, quoted where they must be."""
    return "".join(",".join(map(quote, row)) + end for row in cells).encode()


@given(body=BODY, size=st.integers(1, 12))
def test_chunks_are_the_file_and_each_is_whole_rows(body, size):
    """Joined they are the file; read one by one they give its rows, whatever the file holds."""
    whole = body.encode()

    found = cut(whole, CSV, size)

    assert b"".join(each.data for each in found) == whole
    assert [row for each in found for row in rows(each.data)] == rows(whole)


@given(
    cells=st.lists(st.lists(TEXT, min_size=2, max_size=3), min_size=1, max_size=9),
    end=ENDS,
    size=st.integers(1, 30),
    closed=st.booleans(),
)
def test_each_chunk_knows_where_it_stands(cells, end, size, closed):
    """It counts its own records and those before it, and the lines, quoted line ends among them."""
    body = written(cells, end)

    found = cut(body if closed else body.removesuffix(end.encode()), CSV, size)

    assert sum(each.records for each in found) == len(cells)
    before = b""
    for each in found:
        assert each.record == len(rows(before))
        assert each.line == len((before + b"x").decode().splitlines())
        before += each.data


@given(body=BODY, size=st.integers(1, 12))
def test_json_lines_are_cut_at_line_ends(body, size):
    """No chunk but the last ends within a line or in an empty one."""
    whole = body.encode()

    found = cut(whole, LINES, size)

    assert b"".join(each.data for each in found) == whole
    assert all(each.data.endswith(b"\n") for each in found[:-1])
    assert all(each.data.rsplit(b"\n", 2)[-2].strip() for each in found[:-1])


@given(cells=st.lists(st.lists(TEXT, min_size=2, max_size=3), min_size=1, max_size=9), end=ENDS)
def test_halves_are_whole_rows_and_stand_where_they_stood(cells, end):
    """A chunk can be cut until its chunks are single records, but the first, which may be a header."""
    body = written(cells, end)
    todo, done = [records.chunk(body, CSV, record=0, line=1)], []

    while todo:
        each = todo.pop(0)
        parts = records.halves(each, CSV)
        todo, done = [*(parts or ()), *todo], done if parts else [*done, each]

    first, *others = rows(body)
    assert [each.record for each in done] == [0, *range(2, len(cells))]
    assert [rows(each.data) for each in done] == [[first, *others[:1]], *([r] for r in others[1:])]


def test_empty_lines_go_with_the_rows_that_follow():
    """Between rows an empty line is a row, at the end of a body it is none."""
    found = cut(b"a,b\n1,2\n\n\n3,4\n\n", CSV, 8)

    assert [each.data for each in found] == [b"a,b\n1,2\n", b"\n\n3,4\n\n"]
    assert [(each.records, each.blanks) for each in found] == [(2, 0), (3, 1)]


def test_nothing_has_no_chunks():
    """An empty file is cut into nothing."""
    assert cut(b"", CSV, 9) == []


def test_a_quote_that_never_closes_is_named_by_its_line():
    """A record that no endpoint would take is refused before memory is full of it."""
    body = b'a,b\n1,2\n3,"' + b"x\n" * (records.BODY_BYTES // 2 + 1)

    with pytest.raises(DataError, match="the record at line 3 is longer than"):
        cut(body, CSV, 1_000_000)


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-npy", "text/csv; charset=utf-16"]
)
def test_one_value_cannot_be_cut(content_type):
    """Formats whose body is one value, and an encoding whose bytes are not ASCII's, have no form."""
    assert records.form(content_type) is None
