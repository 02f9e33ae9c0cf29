"""What every stage answers to rows that are wrong: a 4xx of one shape, at once, and nothing else is lost by it."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pytest

MIB = 1024 * 1024


def stream(table):
    """Write an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def line(hosted, width):
    """Make a row with that many numbers."""
    del hosted
    return ",".join(["1"] * width)


# name -> (status, body, content type, headers)
WRONG = {
    "empty": (400, lambda h: b"", "text/csv", {}),
    "blank": (400, lambda h: b"\n\n", "text/csv", {}),
    "nul": (400, lambda h: h.csv[0].encode() + b"\0", "text/csv", {}),
    "gzip-bytes": (400, lambda h: gzip.compress(h.csv[0].encode()), "text/csv", {}),
    "gzip-encoding": (
        415,
        lambda h: gzip.compress(h.csv[0].encode()),
        "text/csv",
        {"content_encoding": "gzip"},
    ),
    "thirty-megabytes": (413, lambda h: b"1" * 30_000_000, "text/csv", {}),
    "unknown-type": (415, lambda h: b"1", "application/x-unknown", {}),
    "no-media-type": (415, lambda h: b"1", "nonsense", {}),
    "form": (415, lambda h: b"1", "application/x-www-form-urlencoded", {}),
    "charset": (415, lambda h: h.csv[0].encode(), "text/csv; charset=ebcdic", {}),
    "image": (406, lambda h: h.csv[0].encode(), "text/csv", {"accept": "image/png"}),
    "accept-nonsense": (400, lambda h: h.csv[0].encode(), "text/csv", {"accept": "nonsense"}),
    "latin-1": (400, lambda h: "é,1,2".encode("latin-1"), "text/csv", {}),
    "open-quote": (400, lambda h: b'"1,2,3', "text/csv", {}),
    "not-json": (400, lambda h: b"{", "application/json", {}),
    "json-number": (400, lambda h: b"7", "application/json", {}),
    "json-list-of-lists": (
        400,
        lambda h: json.dumps(h.rows).encode(),
        "application/json",
        {},
    ),
    "json-no-rows": (400, lambda h: b"[]", "application/json", {}),
    "json-deep": (400, lambda h: b"[" * 100_000, "application/json", {}),
    "jsonlines-none": (400, lambda h: b"{\n[", "application/jsonlines", {}),
    "npy-damaged": (400, lambda h: b"\x93NUMPY\x01\x00v\x00{", "application/x-npy", {}),
    "arrow-damaged": (400, lambda h: b"ARROW1", "application/vnd.apache.arrow.stream", {}),
    "option": (400, lambda h: h.csv[0].encode(), "text/csv; bad-rows=guess", {}),
    "header-option": (400, lambda h: h.csv[0].encode(), "text/csv; header=perhaps", {}),
}

# The same, for stages that state their columns.
WRONG_COLUMNS = {
    "header-only": (400, lambda h: h.header.encode(), "text/csv", {}),
    "one-column-less": (422, lambda h: line(h, len(h.names) - 1).encode(), "text/csv", {}),
    "two-columns-more": (422, lambda h: line(h, len(h.names) + 2).encode(), "text/csv", {}),
    "json-no-features": (422, lambda h: b'[{"nothing": 1}]', "application/json", {}),
    "arrow-schema": (
        422,
        lambda h: stream(pa.table({"other": [1]})),
        "application/vnd.apache.arrow.stream",
        {},
    ),
    "infinity": (
        422,
        lambda h: h.csv[0].rpartition(",")[0].encode() + b",inf",
        "text/csv",
        {},
    ),
    "1e39": (422, lambda h: h.csv[0].rpartition(",")[0].encode() + b",1e39", "text/csv", {}),
    "text-in-a-number": (
        422,
        lambda h: h.csv[0].rpartition(",")[0].encode() + b",abc",
        "text/csv",
        {},
    ),
    "prediction-column": (
        422,
        lambda h: f"{h.header},prediction\n{h.csv[0]},1".encode(),
        "text/csv",
        {},
    ),
    "column-twice": (
        422,
        lambda h: f"{h.header},{h.names[-1].upper()}\n{h.csv[0]},1".encode(),
        "text/csv",
        {},
    ),
}


def refused(hosted, status, body, kind, headers):
    """Send something wrong; it must be refused in the one shape, and harm nothing."""
    reply = hosted.post(body(hosted), kind, **headers)

    assert (reply.status, reply.kind) == (status, "application/json"), reply.body
    error = reply.json()["error"]
    assert {"code", "message", "stage", "request_id", "rows"} <= set(error)
    assert error["request_id"] == reply.headers["x-request-id"]
    assert error["message"]
    assert b"Traceback" not in reply.body
    assert hosted.ping().status == 200
    assert hosted.post(hosted.csv[0]).status == 200


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_input_is_a_4xx_of_one_shape(hosted, wrong):
    """The status says whose fault it is, the body what, where and what to do; the stage stays healthy."""
    refused(hosted, *WRONG[wrong])


@pytest.mark.parametrize("wrong", WRONG_COLUMNS)
def test_wrong_columns_are_a_4xx_of_one_shape(typed, wrong):
    """What breaks the schema is refused in the same shape."""
    refused(typed, *WRONG_COLUMNS[wrong])


def test_a_request_without_a_content_type_is_told_what_to_say(hosted):
    """boto3 sends none unless it is told to."""
    reply = hosted.server.send("POST", "/invocations", hosted.csv[0].encode())

    assert reply.status == 415
    assert "text/csv" in reply.json()["error"]["message"]


def test_bad_rows_are_all_named(typed):
    """A 422 names row, column, value and reason of every bad row, not of the first alone."""
    bad = typed.csv[0].rpartition(",")[0] + ",abc"

    reply = typed.post("\n".join([bad, typed.csv[1], bad]))

    error = reply.json()["error"]
    assert (reply.status, error["code"], error["bad_row_count"]) == (422, "bad_rows", 2)
    assert [(row["row"], row["column"], row["value"]) for row in error["rows"]] == [
        (0, typed.names[-1], "abc"),
        (2, typed.names[-1], "abc"),
    ]


def test_at_most_a_hundred_bad_rows_are_listed(typed):
    """The count is of all of them."""
    bad = typed.csv[0].rpartition(",")[0] + ",abc"

    error = typed.post("\n".join([bad] * 250)).json()["error"]

    assert (len(error["rows"]), error["bad_row_count"]) == (100, 250)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_row_can_be_null(typed, place):
    """With `bad-rows=null` order and count are kept, and good rows get what they would alone."""
    lines = typed.csv[:2]
    lines.insert(place, typed.csv[0].rpartition(",")[0] + ",abc")

    reply = typed.post("\n".join(lines), "text/csv; bad-rows=null")

    found = reply.body.decode().splitlines()
    good = typed.post("\n".join(typed.csv[:2])).body.decode().splitlines()
    assert reply.status == 200
    assert not found[place].strip(",")
    assert found[:place] + found[place + 1 :] == good


def test_a_bad_row_can_be_dropped(typed):
    """With `bad-rows=drop` the good rows alone are answered."""
    bad = typed.csv[0].rpartition(",")[0] + ",abc"

    reply = typed.post("\n".join([bad, *typed.csv[:2]]), "text/csv; bad-rows=drop")

    assert reply.body == typed.post("\n".join(typed.csv[:2])).body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/invocations", 405),
        ("POST", "/ping", 405),
        ("GET", "/nothing", 404),
        ("DELETE", "/metadata", 405),
    ],
)
def test_other_routes_and_methods_have_the_same_shape(hosted, method, path, status):
    """There is one error shape, whichever part of the server refuses."""
    reply = hosted.server.send(method, path)

    assert reply.status == status
    assert reply.json()["error"]["stage"]
