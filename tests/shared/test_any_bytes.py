from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagewire import media
from stagewire.codec import CODECS
from stagewire.codec.arrow import dump
from stagewire.decoding import decode
from stagewire.errors import CallerError, Malformed, StageError
from stagewire.schema import schema
from stagewire.table import Column, Role, Table, objects
from stagewire.testing import ask, stage_of

NUMBERS = schema([("length", "float64"), ("weight", "float32")])
MIXED = schema([("length", "float64"), ("color", "string")])


def npy(array: np.ndarray) -> bytes:
    """Write an array as a client would."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


COLUMNS = (
    Column("length", np.array([1.0, np.nan])),
    Column("color", objects(["red", None])),
    Column("weight", np.array([1, 2])),
    Column("any", objects([{"a": 1}, "b"]), Role.CARRIED),
)
VALID = {
    media.CSV: [b'length,color,weight\n1.5,red,2\n,"a""b",3\n', b"1,2\n3,4,5\n"],
    media.JSON: [
        b'[{"length": 1, "color": "red", "weight": NaN, "id": "00501"}]',
        b'{"columns": ["length", "weight", "color"], "index": [7], "data": [[1, 2, null]]}',
        b'{"instances": [[1, 2], [3, 4.5]]}',
        b'{"input": [1, "red"]}',
    ],
    media.JSONLINES: [b'{"length": 1, "color": "red", "weight": 2}\n{"length": null}\n'],
    media.NPY: [
        npy(np.ones((2, 2))),
        npy(np.array([(1.0, "red", 2)], [("length", "f8"), ("color", "U3"), ("weight", "i8")])),
    ],
    media.ARROW: [
        dump(COLUMNS),
        dump(COLUMNS, {"sw-id": "a", "sw-origin": "arrow", "sw-bad-rows": "null"}),
        dump((*COLUMNS, Column("why", objects([None, "bad"]), Role.ERROR)), {"sw-origin": "csv"}),
    ],
}


@st.composite
def mutated(draw, kind):
    """Damage a valid body: some bytes changed, some cut out, the end cut off."""
    body = bytearray(draw(st.sampled_from(VALID[kind])))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(body) - 1))
        if draw(st.booleans()):
            body[place] = draw(st.integers(0, 255))
        else:
            del body[place : place + draw(st.integers(0, 3))]
        if not body:
            break
    return bytes(body[: draw(st.none() | st.integers(0, len(body)))])


@pytest.mark.parametrize("kind", CODECS)
@pytest.mark.parametrize("shape", [None, NUMBERS, MIXED], ids=["inferred", "numbers", "text"])
@settings(max_examples=60)
@given(data=st.data())
def test_any_bytes_give_a_table_or_a_refusal(kind, shape, data):
    """Random bytes and damaged bodies raise nothing but the caller's errors, whatever the schema."""
    body = data.draw(st.binary(max_size=60) | mutated(kind))

    try:
        found = decode(body, media.MediaType(kind), shape)
    except StageError as error:
        assert isinstance(error, CallerError)  # noqa: PT017 (either outcome is right)
    else:
        assert isinstance(found, Table)


@pytest.mark.parametrize("kind", CODECS)
@settings(max_examples=40)
@given(
    data=st.data(),
    accept=st.sampled_from([*CODECS, "*/*"]),
    policy=st.sampled_from(["fail", "null", "drop"]),
)
def test_any_bytes_give_an_answer_or_a_refusal(kind, data, accept, policy):
    """A whole stage answers any bytes or blames the caller: never 500, in no form of the answer."""

    def first(table: Table, _model: object) -> Table:
        values = table.matrix()[:, :1].astype(np.float32)
        return Table((Column("prediction", values[:, 0], Role.PREDICTION),), table.rows)

    stage = stage_of(
        first, input=NUMBERS, output=schema([("prediction", "float32")], task="regression")
    )
    body = data.draw(mutated(kind))

    try:
        answer, found = ask(stage, body, f"{kind}; bad-rows={policy}", accept)
    except StageError as error:
        assert 400 <= error.status < 500  # noqa: PT017 (either outcome is right)
    else:
        assert isinstance(answer, bytes)
        assert found in CODECS


@pytest.mark.parametrize("kind", CODECS)
@pytest.mark.parametrize("body", [b"", b" \n", b"\0", b"\xff\xfe\xfd", b"\x1f\x8b\x08\x00"])
def test_what_is_no_body_is_malformed(kind, body):
    """Nothing, a NUL, bytes of no charset and gzip are each 400 in every format."""
    with pytest.raises(Malformed):
        decode(body, media.MediaType(kind), NUMBERS)


def arrow(**columns: object) -> bytes:
    """Write an Arrow stream as a client would."""
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("metadata", [{b"sw-json": b"1"}, {b"sw-role": b"king"}])
def test_marks_of_our_own_are_not_trusted(metadata):
    """An Arrow stream that claims to be from a stage of ours, and is not, is malformed."""
    field = pa.field("length", pa.string(), metadata=metadata)
    table = pa.table([["{"]], schema=pa.schema([field]))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)

    with pytest.raises(Malformed):
        decode(sink.getvalue().to_pybytes(), media.MediaType(media.ARROW), NUMBERS)


@pytest.mark.parametrize(
    "array",
    [
        np.array([([1, 2], 3)], [("length", "f8", 2), ("weight", "f8")]),
        np.array([[(1, 2)]], [("length", "f8"), ("weight", "f8")]),
        np.ones(2),
        np.ones((2, 5)),
        np.ones((1, 1, 2)),
        np.ones((1, 2), complex),
        np.array([["1", "2"]]),
        np.ones((1, 2), bool),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_of_another_kind_are_refused(array):
    """An array is rows of numbers or rows of named values; all else is 422 with its shape or type."""
    with pytest.raises(CallerError) as refused:
        decode(npy(array), media.MediaType(media.NPY), NUMBERS)

    assert refused.value.status == 422


def test_pickle_is_never_read():
    """An npy file with Python objects in it is refused before anything is loaded."""
    file = io.BytesIO()
    np.save(file, np.array([object()]), allow_pickle=True)

    with pytest.raises(Malformed, match="pickle"):
        decode(file.getvalue(), media.MediaType(media.NPY), NUMBERS)


def test_half_a_surrogate_pair_is_malformed():
    """Text that no charset can write is refused at the door, also beside a NaN."""
    body = rb'[{"length": NaN, "weight": 1, "id": "\ud800"}]'

    with pytest.raises(Malformed):
        decode(body, media.MediaType(media.JSON), NUMBERS)
