from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagewire import media
from stagewire.codec import CODECS
from stagewire.codec.arrow import dump, load
from stagewire.decoding import decode
from stagewire.errors import CallerError, Malformed, SchemaMismatch, StageError, TooLarge
from stagewire.schema import schema
from stagewire.table import Column, Role, Table, objects
from stagewire.testing import arrow, ask, stage_of

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


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_text_that_is_no_utf_8_is_malformed(kind):
    """An Arrow stream says that its text is UTF-8; what says so and is not is found before it is used."""
    width = 4 if kind == pa.string() else 8
    ends = b"".join(end.to_bytes(width, "little") for end in (0, 2))
    text = pa.Array.from_buffers(kind, 1, [None, pa.py_buffer(ends), pa.py_buffer(b"\xff\xfe")])

    with pytest.raises(Malformed, match="not an Arrow IPC stream"):
        decode(arrow(length=[1.0], weight=[1.0], id=text), media.MediaType(media.ARROW), NUMBERS)


def test_reasons_are_text():
    """A column of another type that claims to say why rows are bad is none of ours."""
    field = pa.field("why", pa.date32(), metadata={"sw-role": "error"})
    table = pa.table([pa.array([2**31 - 1], pa.date32())], schema=pa.schema([field]))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)

    with pytest.raises(Malformed, match="'why' states reasons and is date32"):
        decode(sink.getvalue().to_pybytes(), media.MediaType(media.ARROW), NUMBERS)


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


def header(descr: object, shape: tuple[int, ...]) -> bytes:
    """Write the head of an npy file of nothing."""
    file = io.BytesIO()
    head = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, head)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["<U0", "|S0", "|V0", [("length", "<U0"), ("weight", "<U0")]])
@pytest.mark.parametrize("shape", [(3_000_000,), (3_000_000, 2), (0, 2**62), (1, 0)])
def test_an_array_of_nothing_is_malformed(kind: object, shape: tuple[int, ...]):
    """A head of 128 bytes that states millions of cells without a byte is not believed."""
    with pytest.raises(Malformed):
        decode(header(kind, shape), media.MediaType(media.NPY, {"sw-origin": "npy"}), NUMBERS)


def compressed(codec: str | None, **columns: object) -> bytes:
    """Write an Arrow stream as a client does who wants it small."""
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


ROWS = 1_000_000
LONG = pa.DictionaryArray.from_arrays(pa.array(np.zeros(ROWS, np.int8)), pa.array(["x" * 100]))
BOMBS = {
    "nulls": lambda: compressed(None, **{f"x{i}": pa.nulls(ROWS) for i in range(8)}),
    "null-parts": lambda: compressed(
        None, x=pa.FixedSizeListArray.from_arrays(pa.nulls(8 * ROWS), 8 * ROWS)
    ),
    "zstd": lambda: compressed("zstd", **{f"x{i}": np.zeros(ROWS) for i in range(8)}),
    "lz4": lambda: compressed("lz4", **{f"x{i}": np.zeros(ROWS) for i in range(8)}),
    "dictionary": lambda: compressed(None, x=LONG),
    "small-dictionary": lambda: compressed("zstd", **{f"x{i}": LONG for i in range(2)}),
    "views": lambda: compressed("zstd", x=LONG.cast(pa.string()).cast(pa.string_view())),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_stream_of_much_is_too_large(name: str):
    """Nulls, compression, dictionaries and views that say a hundred megabytes are refused unread."""
    body = BOMBS[name]()

    with pytest.raises(TooLarge, match="the body decodes to"):
        decode(body, media.MediaType(media.ARROW), None)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[None], None], pa.list_(pa.null())),
        pa.array([{"a": 1}, None]),
        pa.array(["a", None, "a"]).dictionary_encode(),
        pa.array([1, None, 1]).dictionary_encode(),
        pa.array([None, None]).dictionary_encode(),
        pa.array(["a", None], pa.string_view()),
        pa.array([[1, 2], [3, 4]], pa.list_(pa.int8(), 2)),
        pa.array([], pa.string_view()),
    ],
    ids=lambda column: str(column.type),
)
@pytest.mark.parametrize("codec", [None, "zstd", "lz4"])
def test_honest_streams_are_read(column: pa.Array, codec: str | None):
    """Whatever is small decoded is read as it was, however it is written."""
    body = compressed(codec, x=column)

    found = load(body)

    assert found.column("x").to_pylist() == column.to_pylist()


@pytest.mark.parametrize(
    "column",
    [
        pa.RunEndEncodedArray.from_arrays([2], ["a"]),
        pa.array([[1], [2]], pa.list_view(pa.int8())),
        pa.array([["a"], ["b"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
        pa.array([["a"], ["b"]], pa.list_(pa.string_view())),
    ],
    ids=lambda column: str(column.type),
)
def test_cells_that_share_bytes_are_refused(column: pa.Array):
    """Types that say the same bytes any number of times, and cannot be counted, are named."""
    with pytest.raises(SchemaMismatch, match=r"column 'x' is .*may share bytes"):
        load(compressed(None, x=column))


BROKEN = {
    media.CSV: b"\n" * 200_000 + b"1,2\n",
    media.JSON: b'{"instances": [' + b"[]," * 200_000 + b"[1, 2]]}",
    media.JSONLINES: b"\n" * 200_000 + b'{"length": 1, "weight": 2}',
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_body_of_broken_rows_is_malformed(kind: str):
    """More broken rows than anybody could name are refused as a whole, before they fill the memory."""
    with pytest.raises(Malformed, match="more than 100000 rows are broken, the first of them"):
        decode(BROKEN[kind], media.MediaType(kind), NUMBERS)


def test_a_body_of_names_is_not_repeated():
    """An error lists a hundred of the columns that it found, however many there are."""
    body = ",".join(f'"x{i}": 1' for i in range(5_000))

    with pytest.raises(SchemaMismatch, match=r"'x99'\] and 4900 more$"):
        decode(f"[{{{body}}}]".encode(), media.MediaType(media.JSON), NUMBERS)


@pytest.mark.parametrize("kind", [media.JSON, media.JSONLINES])
def test_objects_that_share_no_name_are_too_large(kind: str):
    """Rows times names is bounded: six thousand objects of a name each would be 36 million cells."""
    rows = [f'{{"x{i}": 1}}' for i in range(6_000)]
    body = "\n".join(rows) if kind == media.JSONLINES else f"[{','.join(rows)}]"

    with pytest.raises(TooLarge, match="6000 rows with 6000 names"):
        decode(body.encode(), media.MediaType(kind), NUMBERS)
