"""What tests of a stage need: a stage made of one function, a caller's Arrow, and tables drawn at random by hypothesis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stagewire.codec.plain_csv import FEW
from stagewire.schema import Field, Schema, fold
from stagewire.script import Context, Script
from stagewire.stage import Stage
from stagewire.table import Column, Table, objects

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import DrawFn, SearchStrategy

    from stagewire.schema import DType


def stage_of(
    predict: Callable[..., Any], *, takes_table: bool = True, inline_bytes: int = 0, **rest: Any
) -> Stage:
    """Make a stage of a predict function; the rest goes to `Stage`, a `name` among it if it matters."""
    script = Script(
        lambda _model_dir: None, predict, takes_table=takes_table, inline_bytes=inline_bytes
    )
    return Stage(rest.pop("name", "stub"), script, rest.pop("model", None), **rest)


def ask(
    stage: Stage, body: bytes, content_type: str = "text/csv", accept: str | None = None
) -> tuple[bytes, str]:
    """Ask a stage without a server; returns body and Content-Type.

    Raises:
        StageError: any refusal.

    """
    return stage.answer(body, content_type, accept, Context("", "test"))


def arrow(**columns: Any) -> bytes:
    """Write columns as an Arrow stream, as a client would."""
    import pyarrow as pa

    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def tables(*, text: bool = True) -> SearchStrategy[tuple[Table, Schema]]:
    """Draw tables of 1 to 4 features and 1 to 20 rows, each with its schema; needs hypothesis.

    Numbers are finite or missing; names and text have quotes, newlines, blanks and any script, and
    are never empty, since an empty cell is a missing one in CSV. A column alone has some value, since
    a CSV of nothing but missing ones is an empty body.
    """
    from hypothesis import assume
    from hypothesis import strategies as st

    kinds: tuple[DType, ...] = ("float64", "float32", "string")
    # Beside any text, what the forms themselves have a use for.
    own = st.sampled_from(["instances", "inputs", "input", "columns", "data", "index", "1", " a"])
    names = st.lists(own | _texts().filter(fold), min_size=1, max_size=4, unique_by=fold)

    @st.composite
    def drawn(draw: DrawFn) -> tuple[Table, Schema]:
        allowed = kinds if text else kinds[:2]
        fields = tuple(Field(name, draw(st.sampled_from(allowed))) for name in draw(names))
        rows = draw(st.integers(1, 4) | st.just(FEW + 1))
        columns = tuple(
            Column(
                field.name,
                _array(draw(st.lists(_cells(field), min_size=rows, max_size=rows)), field),
            )
            for field in fields
        )
        first = columns[0].tolist()
        assume(len(fields) > 1 or any(cell is not None and str(cell).strip() for cell in first))
        return Table(columns, rows), Schema(fields)

    return drawn()


def _cells(field: Field) -> SearchStrategy[Any]:
    from hypothesis import strategies as st

    if field.numeric:
        single = field.dtype == "float32"
        floats = st.floats(allow_infinity=False, width=32 if single else 64)
        return floats | st.integers(-9, 9).map(float)
    return st.none() | _texts()


def _texts() -> SearchStrategy[str]:
    from hypothesis import strategies as st

    return st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


def _array(cells: list[Any], field: Field) -> Any:
    return np.array(cells, dtype=field.dtype) if field.numeric else objects(cells)
