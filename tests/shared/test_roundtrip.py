from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagewire import hop, media
from stagewire.answer import Answer
from stagewire.codec import CODECS
from stagewire.codec.arrow import load
from stagewire.decoding import decode
from stagewire.request import Origin, Policy, Request
from stagewire.schema import Field, Schema, schema
from stagewire.table import Column, Role, Table, objects
from stagewire.testing import tables

BARE = [
    (media.CSV, Origin.CSV, {"header": "absent"}),
    (media.JSON, Origin.JSON_INSTANCES, {}),
    (media.JSON, Origin.JSON_INPUTS, {}),
    (media.JSON, Origin.JSON_INPUT, {}),
    (media.ARROW, Origin.NPY, {}),
]
NAMED = [
    (media.CSV, Origin.CSV_HEADER),
    (media.JSON, Origin.JSON_RECORDS),
    (media.JSON, Origin.JSON_SPLIT),
    (media.JSONLINES, Origin.JSONLINES),
    (media.ARROW, Origin.ARROW),
]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
INT64 = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(-1e18, 1e18)
VALUES = st.none() | st.booleans() | INT64 | FLOATS | TEXT | st.lists(INT64 | TEXT, max_size=2)


def same(found: Table, wanted: Table) -> bool:
    """Tell whether the features of two tables are equal, to the bit."""
    pairs = zip(found.of(Role.FEATURE), wanted.columns, strict=True)
    return found.rows == wanted.rows and all(
        a.name == b.name
        and a.numpy().dtype == b.numpy().dtype
        and a.tolist() == b.tolist()
        and (
            a.numpy().dtype == object
            or bool((np.signbit(a.numpy()) == np.signbit(b.numpy()))[~np.isnan(b.numpy())].all())
        )
        for a, b in pairs
    )


def written(kind: str, origin: Origin, table: Table, *carried: Column) -> bytes:
    """Write a table's columns as the features that a stage answers."""
    return CODECS[kind].write(Answer(Request(origin=origin), table.rows, carried, table.columns))


def lasting(cells: list, table: Table) -> list:
    """Repeat some cells for as long as a table is."""
    return [cells[row % len(cells)] for row in range(table.rows)]


@pytest.mark.parametrize(("kind", "origin", "parameters"), BARE)
@settings(max_examples=30)
@given(drawn=tables())
def test_features_survive_a_bare_form(kind, origin, parameters, drawn):
    """What a codec writes without the caller's names is read back equal to the bit, text included."""
    table, shape = drawn

    found = decode(written(kind, origin, table), media.MediaType(kind, parameters), shape)

    assert same(found, table)
    assert not found.errors


@settings(max_examples=30)
@given(drawn=tables(text=False))
def test_numbers_survive_an_array(drawn):
    """An npy file gives back float64 for float64."""
    table, shape = drawn
    fields = [(field.name, "float64") for field in shape.fields]
    wanted = Table(
        tuple(Column(c.name, c.numpy().astype(np.float64)) for c in table.columns), table.rows
    )

    found = decode(
        written(media.NPY, Origin.NPY, wanted),
        media.MediaType(media.NPY),
        Schema(tuple(Field(*field) for field in fields)),
    )

    assert same(found, wanted)


@pytest.mark.parametrize(("kind", "origin"), NAMED)
@settings(max_examples=30)
@given(drawn=tables(), ids=st.lists(TEXT, min_size=4, max_size=4))
def test_features_and_ids_survive_a_named_form(kind, origin, drawn, ids):
    """A named form gives back the features to the bit and a carried text column as it was."""
    table, shape = drawn
    carried = Column("the id", objects(lasting(ids, table)), Role.CARRIED)

    found = decode(written(kind, origin, table, carried), media.MediaType(kind), shape)

    assert same(found, table)
    assert [c.tolist() for c in found.of(Role.CARRIED)] == [lasting(ids, table)]


@pytest.mark.parametrize(("kind", "origin"), NAMED[1:])
@settings(max_examples=30)
@given(
    drawn=tables(),
    values=st.lists(VALUES, min_size=4, max_size=4),
    more=st.sampled_from([INT64, st.booleans(), FLOATS, TEXT]).flatmap(
        lambda one: st.lists(one, min_size=4, max_size=4)
    ),
)
def test_carried_values_keep_their_types(kind, origin, drawn, values, more):
    """Typed formats carry whatever JSON holds, of one type or of many, with its type."""
    table, shape = drawn
    values = values[: table.rows]
    if {type(value) for value in values} - {type(None)} == {int, float}:
        values = [*values[1:], "neither"]  # which Arrow has as floats
    carried = [
        Column(name, objects(lasting(cells, table)), Role.CARRIED)
        for name, cells in (("some", values), ("same", more))
    ]

    found = decode(written(kind, origin, table, *carried), media.MediaType(kind), shape)

    lists = [column.tolist() for column in found.of(Role.CARRIED)]
    assert repr(lists) == repr([lasting(values, table), lasting(more, table)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=30)
@given(
    drawn=tables(text=False),
    values=st.none() | st.lists(VALUES, min_size=4, max_size=4),
    request=st.builds(
        Request, st.just("id-1"), st.sampled_from(Origin), st.sampled_from(Policy), st.booleans()
    ),
)
def test_rows_and_options_survive_a_hop(dtype, drawn, values, request):
    """Between stages of ours features are equal in the hop's type, and every option arrives."""
    table, shape = drawn
    wanted = Table(
        tuple(
            Column(c.name, np.nan_to_num(c.numpy(), nan=1).clip(-3e38, 3e38).astype(dtype))
            for c in table.columns
        ),
        table.rows,
    )
    carried = (
        () if values is None else (Column("a", objects(lasting(values, table)), Role.CARRIED),)
    )
    data = Table(carried, table.rows, request)
    fields = tuple(Field(field.name, dtype) for field in shape.fields)

    body, kind = hop.encode(data, Answer(request, table.rows, carried, wanted.columns), dtype)
    found = decode(body, media.parse(kind), Schema(fields))

    assert same(found, wanted)
    assert media.parse(kind).name == (media.NPY if values is None else media.ARROW)
    assert found.request == replace(request, hop=True)
    if values is not None and request.origin.named:
        assert repr([c.tolist() for c in found.of(Role.CARRIED)]) == repr([lasting(values, table)])


@pytest.mark.parametrize(
    "cell", ["\ufeffa", "a\r", "\r\n", "\n", '"', '""', ",", " ", "\u2028", "00501"]
)
def test_a_cell_of_text_survives_csv(cell):
    """What would be a mark of byte order, a line's end, a quote or a comma is quoted, first cell or not."""
    columns = tuple(Column(name, objects([cell, "b", cell])) for name in ("one", "two"))
    shape = schema([("one", "string"), ("two", "string")])
    table = Table(columns, 3)

    found = decode(written(media.CSV, Origin.CSV, table), media.MediaType(media.CSV), shape)

    assert same(found, table)


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1, 2**63, 2**64 - 1])
def test_an_integer_of_64_bits_crosses_a_hop(number):
    """Signed or not, an id is the same integer behind it."""
    request = Request(origin=Origin.JSON_RECORDS)
    data = Table((Column("id", objects([number, None]), Role.CARRIED),), 2, request)
    feature = Column("a", np.zeros(2))

    body, kind = hop.encode(data, Answer(request, 2, data.columns, (feature,)), "float32")
    found = decode(body, media.parse(kind), schema([("a", "float32")]))

    assert [column.tolist() for column in found.of(Role.CARRIED)] == [[number, None]]


@pytest.mark.parametrize(
    ("values", "kind", "found"),
    [
        ([1, 0.5, None], "double", [1.0, 0.5, None]),
        ([2**53, 1e300], "double", [2.0**53, 1e300]),
        ([2**53 + 1, 0.5], "string", ["9007199254740993", "0.5"]),
        ([True, 0.5], "string", ["true", "0.5"]),
        ([1, "1"], "string", ["1", '"1"']),
    ],
)
def test_json_numbers_are_numbers_in_arrow(values, kind, found):
    """1 and 0.5 are one column of floats to who asks for Arrow, while no value changes by it."""
    carried = Column("a", objects(values), Role.CARRIED)

    column = load(written(media.ARROW, Origin.ARROW, Table((), len(values)), carried)).column("a")

    assert (str(column.type), column.to_pylist()) == (kind, found)


def test_arrow_types_that_nobody_computes_with_are_carried_intact():
    """Timestamps with a zone, decimals and dictionaries leave as they came."""
    source = pa.table(
        {
            "length": [1.0, 2.0],
            "at": pa.array([0, None], pa.timestamp("us", tz="Europe/Berlin")),
            "price": pa.array([None, Decimal("2.50")], pa.decimal128(5, 2)),
            "kind": pa.array(["a", "b"]).dictionary_encode(),
            "weight": [0.0, 0.0],
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, source.schema) as writer:
        writer.write_table(source)
    table = decode(
        sink.getvalue().to_pybytes(),
        media.MediaType(media.ARROW),
        schema([("length", "float64"), ("weight", "float64")]),
    )
    body, _ = hop.encode(
        table, Answer(table.request, 2, table.of(Role.CARRIED), table.of(Role.FEATURE)), "float32"
    )

    back = load(body)
    assert [str(back.column(n).type) for n in ("at", "price", "kind")] == [
        str(source.column(n).type) for n in ("at", "price", "kind")
    ]
    assert back.column("at").to_pylist() == source.column("at").to_pylist()
