from __future__ import annotations

import gzip
import io
import re

import numpy as np
import pytest

from stagewire import media
from stagewire.decoding import decode, enforce
from stagewire.errors import BadRows, CallerError, Malformed, SchemaMismatch, UnsupportedMedia
from stagewire.request import Origin
from stagewire.schema import schema
from stagewire.table import Column, Role, Table
from stagewire.testing import ask, stage_of

SCHEMA = schema([("Color", "string"), ("size", "float64")])


def read(body: bytes | str, kind: str = "text/csv", shape=SCHEMA):
    """Decode a body by the header that its caller would send."""
    return decode(body if isinstance(body, bytes) else body.encode(), media.parse(kind), shape)


@pytest.mark.parametrize(
    "body",
    [
        b"red,1\nblue,2\n",
        b"red,1\r\nblue,2\r\n",
        b"red,1\nblue,2",
        b"red,1\nblue,2\n\n\n",
        b"\xef\xbb\xbfred,1\nblue,2\n",
        b'"red","1"\n"blue","2"\n',
        b"red,1,label\nblue,2,label\n",
        b"color,SIZE\nred,1\nblue,2\n",
        b" color , SIZE \nred,1\nblue,2\n",
        b"size,color\n1,red\n2,blue\n",
        b"id,size,what,Color\n7,1,x,red\n8,2,y,blue\n",
    ],
)
def test_the_same_rows_however_they_are_written(body):
    """Line ends, a BOM, quotes, a label at the end, a header in any case and order change nothing."""
    table = read(body)

    assert table["Color"].tolist() == ["red", "blue"]
    assert [c.name for c in table.of(Role.FEATURE)] == ["Color", "size"]
    assert [c.tolist() for c in table.of(Role.FEATURE)][1] == [1.0, 2.0]
    assert not table.errors


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"age, Work\n39,State\n", "text/csv"),
        (b"age, Work\n" + b"39,State\n" * 20, "text/csv"),
        (b"id, WORK ,age\n7,State,39\n", "text/csv"),
        (b'[{"age": 39, " Work": "State"}]', "application/json"),
        (b'[{"age": 39, "work": "State"}]', "application/json"),
    ],
    ids=["csv", "many", "carried", "json", "json-bare"],
)
def test_blanks_around_a_name_are_no_part_of_it(body, kind):
    """A transformer fitted on what pandas read has the blank behind a comma in its names; that file can be sent."""
    shape = schema([("age", "float64"), (" Work", "string")])

    table = read(body, kind, shape)

    assert [c.name for c in table.of(Role.FEATURE)] == ["age", " Work"]
    assert {c.tolist()[0] for c in table.of(Role.FEATURE)} == {39.0, "State"}
    assert not table.errors


@pytest.mark.parametrize("key", ["instances", "inputs", "input"])
def test_a_feature_may_be_called_as_a_wrapper_is(key):
    """A list alone under that name is rows, since no cell is one; else it is an object's own."""
    shape = schema([(key, "float64"), ("weight", "float64")])

    wrapped = read(f'{{"{key}": [[1, 2], [3, 4]]}}', "application/json", shape)
    alone = read(f'{{"{key}": 1, "weight": 2}}', "application/json", shape)
    wrong = read(f'{{"{key}": [1, 2], "weight": 2}}', "application/json", shape)

    assert wrapped[key].tolist() == [1.0, 3.0]
    assert (alone[key].tolist(), alone.request.origin) == ([1.0], Origin.JSON_RECORD)
    assert [(each.column, each.reason) for each in wrong.errors] == [(key, "is not a number")]


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, 2], [3, 4]]),
        np.array([[1.5, 2, 9], [3, 4, 9]]),
        np.array([[1.5, 2], [3, 4]], order="F"),
        np.array([[1.5, 2], [3, 4]], ">f8"),
        np.array([[1.5, 2], [3, 4]], ">f4"),
        np.array([(2, 1.5), (4, 3)], [("B", ">i8"), ("a", "<f2")]),
    ],
    ids=["plain", "label", "fortran", "big-endian", "big-endian-f4", "structured"],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_numbers_in_any_array(array, dtype):
    """Order in memory, byte order, width and a label at the end are not data."""
    file = io.BytesIO()
    np.save(file, array)

    table = read(file.getvalue(), media.NPY, schema([("a", dtype), ("b", dtype)]))

    assert table.matrix(dtype).tolist() == [[1.5, 2], [3, 4]]
    assert not table.errors


@pytest.mark.parametrize("kind", ["text/csv", "text/csv; charset=utf8", "text/csv; charset=UTF-8"])
def test_a_byte_order_mark_is_no_data(kind):
    """However UTF-8 is spelled, and whether it is stated or not."""
    assert read("\ufeffred,1\n".encode(), kind)["Color"].tolist() == ["red"]


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", '"iso-8859-1"', "windows-1252", "utf-16"])
def test_the_charset_that_is_stated_is_used(charset):
    """A charset parameter is understood in all its spellings."""
    body = "gr\u00fcn,1\n".encode(charset.strip('"'))

    assert read(body, f"text/csv; charset={charset}")["Color"].tolist() == ["gr\u00fcn"]


def test_a_charset_that_nobody_decodes_is_415():
    """Python's stranger codecs, zip among them, stay shut."""
    with pytest.raises(UnsupportedMedia, match="zip"):
        read(b"red,1\n", "text/csv; charset=zip")


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"", "text/csv", "is empty"),
        (b"\xef\xbb\xbf\r\n", "text/csv", "is empty"),
        (b"Color,size\n", "text/csv", "header .* and no rows"),
        (b"red,\xff\n", "text/csv", "0xff at offset 4"),
        (b"red,1\0\n", "text/csv", "NUL character at offset 5"),
        (b'"red,1\n', "text/csv", "line . of the body is not CSV"),
        (b"red,1\n", "text/csv; header=maybe", "header='maybe'"),
        (b"red,1\n", "text/csv; bad-rows=skip", "bad-rows='skip'"),
        (b"red,1\n", "text/csv; proba=2", "proba='2'"),
        (b"red,1\n", "text/csv; sw-origin=moon", "sw-origin='moon'"),
        (b"{", "application/json", "not JSON"),
        (b"[]", "application/json", "no rows"),
        (b"[1]", "application/json", "row 0 is a number"),
        (b"[[1]]", "application/json", "row 0 is a list"),
        (b"3", "application/json", "the body is a number"),
        (b'{"rows": []}', "application/json", "with the keys"),
        (b'{"instances": 3}', "application/json", "a number where a list"),
        (b'{"instances": []}', "application/json", "no rows"),
        (b'{"instances": [1]}', "application/json", "row 0 of 'instances'"),
        (b'{"columns": [1], "data": []}', "application/json", "a list of names"),
        (b'{"columns": ["size"], "data": [1]}', "application/json", "a list of rows"),
        (
            b'{"columns": ["size"], "index": [], "data": [[1]]}',
            "application/json",
            "one entry a row",
        ),
        (b"[" * 5000, "application/json", "not JSON"),
        (b"[1]\n2\n", "application/jsonlines", "not an object"),
        (b"nothing", "application/x-npy", "not an npy file"),
        (b"nothing", media.ARROW, "not an Arrow IPC stream"),
    ],
)
def test_what_cannot_be_read_is_malformed(body, kind, reason):
    """A body that is not of its type, or an option of no known value, is 400 with the place."""
    with pytest.raises(Malformed, match=reason):
        read(body, kind)


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"Color,weight\nred,1\n", "text/csv", r"lacks the columns \['size'\]"),
        (b"COLOR,a,b,c\nred,1,2,3\n", "text/csv", r"lacks the columns \['size'\]"),
        (b"red,1\nblue,2\n", "text/csv; header=present", r"lacks the columns"),
        (b"size,size,color\n1,1,red\n", "text/csv", "twice"),
        (b"size,SIZE,color\n1,1,red\n", "text/csv", "both name the feature 'size'"),
        (b"id,id,size,color\n1,1,1,red\n", "text/csv", "twice"),
        (b'[{"size": 1}]', "application/json", r"lacks the columns \['Color'\]"),
        (
            b'[{"size": 1, "Color": "red", "n": 36893488147419103232}]',
            "application/json",
            "beyond 64 bits",
        ),
        (
            b'[{"size": 1, "Color": "red", "n": [{"m": [36893488147419103232]}]}]',
            "application/json",
            "'n' holds a number beyond 64 bits",
        ),
        (
            b'[{"size": 1, "Color": "red", "n": 36893488147419103232, "m": NaN}]',
            "application/json",
            "'n' holds a number beyond 64 bits",
        ),
        (
            b"Color,1.5\nred,1\n",
            "text/csv",
            "if line 1 is a row and no header, say header=absent",
        ),
    ],
)
def test_columns_that_are_not_the_stages_are_422(body, kind, reason):
    """One cell of line 1 that is a feature's name makes it a header, whose missing names are listed."""
    with pytest.raises(SchemaMismatch, match=reason):
        read(body, kind)


def test_a_header_can_be_denied():
    """`header=absent` reads line 1 as a row though it looks like names."""
    table = read(b"color,1\n", "text/csv; header=absent")

    assert table["Color"].tolist() == ["color"]
    assert table.request.origin is Origin.CSV


@pytest.mark.parametrize(
    ("line", "cells"), [(b"red", "1 column"), (b"red,1,2,3", "4 columns"), (b"", "0 columns")]
)
def test_a_ragged_row_is_that_rows_error(line, cells):
    """A row of n-1 or n+2 cells, or an empty line between rows, is named and its neighbours are read."""
    table = read(b"red,1\n" + line + b"\nblue,2\n")

    assert [str(e) for e in table.errors] == [
        f"row 1: the row has {cells} where 2 or 3 are expected"
    ]
    assert table.good()["Color"].tolist() == ["red", "blue"]
    with pytest.raises(BadRows, match="1 of 3 rows"):
        enforce(table)


def test_missing_has_one_meaning():
    """An empty field, null, NaN and an Arrow null are missing; "NA" is text."""
    wanted = [(None, None), ("NA", None)]

    for body, kind in [
        (b",\nNA,\n", "text/csv"),
        (b'[{"Color": null, "size": null}, {"Color": "NA", "size": NaN}]', "application/json"),
        (b'{"instances": [[null, null], ["NA", NaN]]}', "application/json"),
        (b'{"Color": null, "size": null}\n{"Color": "NA", "size": NaN}\n', "application/jsonlines"),
    ]:
        columns = [column.tolist() for column in read(body, kind).of(Role.FEATURE)]
        assert list(zip(*columns, strict=True)) == wanted, kind


def test_a_single_column_may_be_missing():
    """Where a row has one cell, an empty line between rows is a missing value."""
    table = read(b"1\n\n3\n", shape=schema([("size", "float64")]))

    assert repr(table["size"].tolist()) == "[1.0, nan, 3.0]"


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_a_body_of_empty_lines_is_refused_before_it_is_taken_apart(end):
    """A hundred thousand too many; a few at the end are none, and one column takes them for missing."""
    rows = b"R,1" + end
    one = schema([("a", "float64")])

    with pytest.raises(Malformed, match="most are empty"):
        read(rows + end * 300_000, "text/csv")
    assert read(rows * 60_000 + end * 60_000, "text/csv").rows == 60_000
    assert decode(b"1" + end * 300_000, media.parse("text/csv"), one).rows == 300_000


def test_line_ends_inside_quotes_are_no_lines():
    """A text may hold as many as it likes."""
    assert read(b'"%b",1\n' % (b"\n" * 300_000), "text/csv").rows == 1


def test_a_carried_nan_is_missing():
    """A NaN that Python's writer put into a carried column is null, as everywhere."""
    table = read(b'[{"Color": "a", "size": 1, "note": NaN}]', "application/json")

    assert table.of(Role.CARRIED)[0].tolist() == [None]


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1, 2**63, 2**64 - 1])
def test_a_carried_integer_comes_back_to_the_last_digit(number):
    """Ids of 64 bits, signed or not, are no floats."""
    table = read(f'[{{"id": {number}, "Color": "a", "size": 1}}]', "application/json")

    assert [column.tolist() for column in table.of(Role.CARRIED)] == [[number]]


@pytest.mark.parametrize("number", [-(2**63) - 1, 2**64, 10**30])
def test_a_carried_integer_that_would_be_rounded_is_refused(number):
    """Beyond 64 bits JSON readers round to a float, and an id would be another one."""
    with pytest.raises(SchemaMismatch, match="'id' holds a number beyond 64 bits"):
        read(f'[{{"id": {number}, "Color": "a", "size": 1}}]', "application/json")


def test_a_features_large_float_is_repeated():
    """Only what is carried must be exact: a feature's cell is the float that the model was given."""
    body = read('[{"Color": "a", "size": 1e30}]', "application/json")

    assert [column.tolist() for column in body.of(Role.INPUT)] == [["a"], [1e30]]


def test_json_lines_name_bad_lines():
    """A line that is no object is that row's error."""
    table = read(b'{"Color": "a", "size": 1}\noops\n[2]\n', "application/jsonlines")

    assert [e.row for e in table.errors] == [1, 2]
    assert "not JSON" in table.errors[0].reason


def test_without_a_schema_every_column_is_a_feature():
    """Columns of numbers become numbers, the rest text; bare columns are x0, x1."""
    table = read(b"red,1\nblue,\n", shape=None)

    assert table.names == ("x0", "x1")
    assert [c.numpy().dtype for c in table.columns] == [np.dtype(object), np.dtype("float64")]


@pytest.mark.parametrize("body", [b"1,2\n", b"id,a,b\n7,1,2\n"], ids=["npy", "arrow"])
@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (("x", "y"), ("f0", "f1")),
        (("f0", "f1"), ("x", "y")),
        (("f0", "f1"), ("f0", "f1")),
        (("f1", "x"), ("f0", "f1")),
        (("f1", "f0"), ("f0", "f1")),
    ],
)
def test_features_that_one_side_only_numbers_go_by_position(body, given, wanted):
    """A fit on an array knows no names; whether columns are carried beside the features changes nothing."""
    numbers = schema([("a", "float64"), ("b", "float64")])
    first = stage_of(
        lambda table, _: Table(
            (Column(given[0], table["a"]), Column(given[1], table["b"])), table.rows
        ),
        input=numbers,
        output=schema([(name, "float64") for name in given], task="transform"),
        hop_dtype="float64",
    )
    last = stage_of(
        lambda table, _: table[wanted[0]] * 10 + table[wanted[1]],
        input=schema([(name, "float64") for name in wanted]),
    )

    found, _ = ask(last, *ask(first, body), media.CSV)

    assert found.split(b",")[-1].strip() == b"12.0"


def test_a_hop_into_a_stage_without_a_schema_keeps_its_riders_apart(featurizer):
    """Columns that ride along are not features, also where no schema says so."""
    body, kind = ask(featurizer(hop_dtype="float64"), b"id,color,size\n7,red,1\n")
    table = decode(body, media.parse(kind), None)

    assert [c.name for c in table.of(Role.FEATURE)] == ["length", "weight"]
    assert [c.name for c in table.of(Role.CARRIED)] == ["id", "color", "size"]


@pytest.mark.parametrize("given", ["a b", "a\tb", "é", "a/b", "x" * 65])
def test_an_unsafe_id_is_replaced(given):
    """A request id that does not belong in a header or a log, or is too long for them, is not kept."""
    kind = media.MediaType(media.CSV, {"sw-id": given})

    table = decode(b"red,1\n", kind, SCHEMA, request_id="x")

    assert re.fullmatch("[0-9a-f]{32}", table.request.id)


def test_a_safe_id_is_kept():
    """A UUID, an ARN's colons and sixty-four characters are what callers have."""
    for given in ("6ba7b810-9dad-11d1", "aws:request:1_2.3", "x" * 64):
        kind = media.MediaType(media.CSV, {"sw-id": given})

        assert decode(b"red,1\n", kind, SCHEMA).request.id == given


@pytest.mark.parametrize("number", ["1e400", "-1e999", "1" + "0" * 400, "Infinity"])
@pytest.mark.parametrize("kind", ["application/json", "application/jsonlines"])
def test_an_infinite_json_number_is_its_rows_error(kind, number):
    """As in CSV, one row that no float can hold leaves the others of the batch as they are."""
    rows = [f'{{"Color": "red", "size": {size}}}' for size in ("1", number)]
    body = "\n".join(rows) if kind.endswith("lines") else f"[{','.join(rows)}]"

    table = read(body, kind)

    assert [(e.row, e.column, e.reason) for e in table.errors] == [
        (1, "size", "is not finite as float32")
    ]
    assert table["size"].tolist()[0] == 1


@pytest.mark.parametrize("more", ["", ', "x": NaN'])
def test_an_integer_beyond_64_bits_is_a_float_whatever_stands_beside_it(more):
    """A NaN anywhere in a body sends it to another parser, which must read the same numbers."""
    table = read(f'[{{"Color": "red", "size": 18446744073709551617{more}}}]', "application/json")

    assert table["size"].tolist() == [2.0**64]
    assert not table.errors


def test_names_that_stand_many_times_are_found_at_once():
    """A header of a hundred thousand equal names is refused without counting each of them anew."""
    names = ",".join(["Color", "size", *["x", "y"] * 50_000])

    with pytest.raises(SchemaMismatch, match=r"twice: \['x', 'y'\]$"):
        read(f"{names}\n{names}\n")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("Color," + "x" * 1_000_000 + "\nred,1\n", "text/csv"),
        ("Color," + "x" * 1_000_000 + "\n", "text/csv"),
        ("size,color" + f",{'x' * 1_000_000}" * 2 + "\n1,red,1,1\n", "text/csv"),
        (f'{{"{"x" * 1_000_000}": 1}}', "application/json"),
        (f'[{{"{"x" * 1_000_000}": 1}}]', "application/json"),
    ],
)
def test_a_long_name_does_not_come_back(body, kind):
    """An error shows as much of a name as of a value, so that what to do stands near it."""
    with pytest.raises(CallerError) as refused:
        read(body, kind)

    assert len(refused.value.message) < 500


def test_a_long_header_does_not_come_back():
    """Whatever a message quotes, it has a length that a log can take."""
    with pytest.raises(UnsupportedMedia) as refused:
        media.parse("x" * 1_000_000)

    assert len(refused.value.message) == 16 * 1024


@pytest.mark.parametrize("name", ["Color", "color"])
@pytest.mark.parametrize("key", ["input", "inputs", "instances"])
def test_an_object_with_all_features_is_a_row(key, name):
    """A column that is called as a form is called is carried when the features, in any case, stand beside it."""
    table = read(f'{{"{name}": "red", "size": 1, "{key}": 5}}', "application/json")

    assert (table.rows, table.request.origin) == (1, Origin.JSON_RECORD)
    assert table[key].tolist() == [5]


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("text/csv", gzip.compress(b"red,1\n"), "as gzip does"),
        ("application/json", gzip.compress(b"{}"), "as gzip does"),
        (media.ARROW, b"ARROW1\0\0" + bytes(100), "file format .* write it as a stream"),
    ],
)
def test_a_body_in_another_wrapping_is_recognized(kind, body, reason):
    """What clients send by mistake is called by its name, with what to do."""
    with pytest.raises(Malformed, match=reason):
        read(body, kind)


def test_a_feature_may_be_called_as_a_part_of_the_split_form():
    """The one feature of a stage may be called `data`, which rows in the split form stand under."""
    only = schema([("data", "float64")])

    split = read('{"columns": ["data"], "data": [[1], [2]]}', "application/json", only)
    record = read('{"data": 3}', "application/json", only)

    assert (split["data"].tolist(), record["data"].tolist()) == ([1.0, 2.0], [3.0])


@pytest.mark.parametrize("kind", ["application/x-npy", media.ARROW])
def test_an_empty_body_is_called_empty(kind):
    """The commonest mistake is said in plain words, whatever the parser calls it."""
    with pytest.raises(Malformed, match="it is empty"):
        read(b"", kind)


def test_an_array_without_rows_says_what_shape_is_wanted():
    """A bare number saved as an array is no damaged file."""
    file = io.BytesIO()
    np.save(file, np.array(1.5))

    with pytest.raises(Malformed, match="shape \\(rows, columns\\)"):
        read(file.getvalue(), "application/x-npy")


def test_an_empty_line_of_json_lines_is_called_empty():
    """The row says what is wrong with it as its caller would."""
    table = read(
        '{"Color": "red", "size": 1}\n\n{"Color": "red", "size": 1}\n', "application/jsonlines"
    )

    assert [str(error) for error in table.errors] == ["row 1: the line is empty"]
