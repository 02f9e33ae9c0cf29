"""What every stage answers to rows that are right, however they are written."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow as pa
import pytest


def test_ping_is_200_and_empty(hosted):
    """A ready stage answers its health check with nothing to say."""
    reply = hosted.ping()

    assert (reply.status, reply.body) == (200, b"")


def test_a_line_of_csv_is_answered_by_a_line_of_csv(hosted):
    """A lone stage mirrors the request's media type, bare and without parameters."""
    reply = hosted.post(hosted.csv[0])

    assert (reply.status, reply.kind) == (200, "text/csv")
    assert reply.body.count(b"\n") == 1
    assert all(float(cell) == float(cell) for cell in reply.body.decode().strip().split(","))


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line + "\r\n",
        lambda line: "\ufeff" + line,
        lambda line: line + "\n\n",
        lambda line: '"' + line.replace(",", '","') + '"',
    ],
    ids=["crlf", "bom", "blank-end", "quoted"],
)
def test_the_same_row_written_otherwise_gets_the_same_answer(hosted, change):
    """Line ends, a byte-order mark, empty last lines and quotes are not data."""
    assert hosted.post(change(hosted.csv[0])).body == hosted.post(hosted.csv[0]).body


@pytest.mark.parametrize(
    "kind", ["text/csv; charset=utf-8", "text/csv;charset=UTF-8", 'Text/CSV; charset="utf-8"']
)
def test_parameters_of_the_content_type_are_understood(hosted, kind):
    """A content type is compared by media type, never as a string."""
    assert hosted.post(hosted.csv[0], kind).body == hosted.post(hosted.csv[0]).body


def test_a_label_at_the_end_of_a_row_is_ignored(typed):
    """Training rows can be sent as they are."""
    assert typed.post(typed.csv[0] + ",9").body == typed.post(typed.csv[0]).body


def test_a_batch_is_its_rows(hosted):
    """Rows do not change one another."""
    single = [hosted.post(line).body for line in hosted.csv]

    batch = hosted.post("\n".join(hosted.csv))

    assert batch.body == b"".join(single)


def test_a_header_brings_names_back(typed):
    """Named rows get a named answer; columns that are no feature are carried as they were."""
    body = f"id,{typed.header}\n00501,{typed.csv[0]}"

    reply = typed.post(body, "text/csv; header=present")

    header, row = reply.body.decode().splitlines()
    assert (header.split(",")[0], row.split(",")[0]) == ("id", "00501")
    assert row.endswith(typed.post(typed.csv[0]).body.decode().strip())


def test_json_records_carry_what_they_came_with(typed):
    """An id stays the text that it was."""
    records = [{"id": f"0050{i}", **record} for i, record in enumerate(typed.records)]

    reply = typed.post(json.dumps(records), "application/json")

    assert reply.kind == "application/json"
    assert [row["id"] for row in reply.json()] == [row["id"] for row in records]


def test_jsonlines_answers_a_line_a_line(hosted):
    """As many lines out as in, each an object."""
    lines = "\n".join(json.dumps(record) for record in hosted.records)

    reply = hosted.post(lines, "application/jsonlines")

    assert reply.kind == "application/jsonlines"
    assert len([json.loads(line) for line in reply.body.splitlines()]) == len(hosted.rows)


def numbers(hosted, reply):
    """Read the numbers of any answer to `instances`, CSV or npy."""
    if reply.kind == "text/csv":
        return [float(c) for line in reply.body.decode().splitlines() for c in line.split(",")]
    if reply.kind == "application/x-npy":
        return np.load(io.BytesIO(reply.body)).ravel().tolist()
    found = next(iter(reply.json().values()))
    return np.ravel(found).tolist()


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_wrapped_rows_get_the_same_numbers_as_csv(hosted, key):
    """TensorFlow's and Hugging Face's habits are forms like any other."""
    reply = hosted.post(json.dumps({key: hosted.rows}), "application/json")

    assert numbers(hosted, reply) == numbers(hosted, hosted.post("\n".join(hosted.csv)))


def test_split_gets_the_same_numbers_as_csv(hosted):
    """What pandas' `to_json(orient="split")` writes can be sent as it is."""
    body = {"columns": hosted.names, "index": [7] * len(hosted.rows), "data": hosted.rows}

    found = hosted.post(json.dumps(body), "application/json").json()

    results = len(hosted.post(hosted.csv[0]).body.split(b","))
    assert found["index"] == [7] * len(hosted.rows)
    assert np.ravel([row[-results:] for row in found["data"]]).tolist() == numbers(
        hosted, hosted.post("\n".join(hosted.csv))
    )


def test_npy_gets_the_same_numbers_as_csv(hosted):
    """An array carries rows, structured where a column is text."""
    text = any(isinstance(value, str) for value in hosted.rows[0])
    kinds = [
        (n, "U8" if isinstance(v, str) else "f8")
        for n, v in zip(hosted.names, hosted.rows[0], strict=True)
    ]
    rows = [tuple(row) for row in hosted.rows]
    array = np.array(rows, dtype=kinds) if text else np.array(rows)
    file = io.BytesIO()
    np.save(file, array)

    reply = hosted.post(file.getvalue(), "application/x-npy")

    assert reply.kind == "application/x-npy"
    found = np.array(numbers(hosted, reply))
    wanted = np.array(numbers(hosted, hosted.post("\n".join(hosted.csv))))
    assert found.astype(np.float32).tolist() == wanted.astype(np.float32).tolist()


def stream(table):
    """Write an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def test_arrow_is_answered_by_arrow_with_its_types(typed):
    """Columns that ride along keep their types."""
    columns = {name: [row[i] for row in typed.rows] for i, name in enumerate(typed.names)}
    when = pa.array(range(len(typed.rows)), pa.timestamp("us", "UTC"))
    table = pa.table({"when": when, **columns})

    reply = typed.post(stream(table), "application/vnd.apache.arrow.stream")

    found = pa.ipc.open_stream(reply.body).read_all()
    assert found.column("when").combine_chunks() == when


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "text/csv"),
        ("text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("application/json", "application/json"),
        ("application/json;q=0.2, text/csv;q=0.9", "text/csv"),
        ("image/png, application/jsonlines;q=0.1", "application/jsonlines"),
        ("text/csv;q=0, */*;q=0.1", "application/json"),
    ],
)
def test_accept_is_negotiated(hosted, accept, kind):
    """The form that is wanted most and can be had is sent."""
    reply = hosted.post(hosted.csv[0], accept=accept)

    assert (reply.status, reply.kind) == (200, kind)


def test_a_request_keeps_its_id(hosted):
    """An id that came with a request is in its answer."""
    reply = hosted.post(hosted.csv[0], x_request_id="order-66")

    assert reply.headers["x-request-id"] == "order-66"


def test_execution_parameters_speak_the_containers_spelling(hosted):
    """Batch transform asks what to send."""
    found = hosted.server.send("GET", "/execution-parameters").json()

    assert found["BatchStrategy"] == "MULTI_RECORD"
    assert 1 <= found["MaxPayloadInMB"] <= 100


def test_the_front_is_documented(hosted):
    """`/docs` knows the two routes that FastAPI does not answer itself."""
    found = hosted.server.send("GET", "/openapi.json").json()

    assert {"/ping", "/invocations", "/metadata"} <= set(found["paths"])
    assert "text/csv" in found["paths"]["/invocations"]["post"]["requestBody"]["content"]
