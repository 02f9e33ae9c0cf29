"""Golden rows: a few inputs with the outputs they had at packaging, proven again at every start."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from stagewire import media
from stagewire.codec.cells import refuse_infinite
from stagewire.decoding import decode
from stagewire.errors import ArtifactError
from stagewire.manifest import tolerate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagewire.schema import Schema
    from stagewire.table import Column, Table

# Every start computes them, and any one of them shows another model or a library that differs.
ROWS = 8
# On another machine type than the one that packaged, libm and SIMD may round otherwise; features and sums of
# float32 leaves stay well inside this, and another model or a wrong library does not.
RELATIVE = 1e-6


def record(data: Table, results: Table) -> dict[str, Any]:
    """Keep inputs and outputs; floats survive, as JSON writes the shortest text that reads back equal."""
    return {
        "machine": platform.machine(),
        "input": _split(data.columns),
        "output": _split(results.columns),
    }


def _split(columns: tuple[Column, ...]) -> dict[str, Any]:
    for column in columns:
        refuse_infinite(column.name, column.numpy())
    lists = [column.tolist() for column in columns]
    return {
        "columns": [c.name for c in columns],
        "data": [list(row) for row in zip(*lists, strict=True)],
    }


def inputs(golden: Mapping[str, Any], schema: Schema) -> Table:
    """Read the inputs again."""
    return decode(orjson.dumps(golden["input"]), media.MediaType(media.JSON), schema).good()


def check(
    golden: Mapping[str, Any], schema: Schema, predict: Callable[[Table], Table], *, skew: bool
) -> None:
    """Compute the golden rows and compare: to the bit on the same kind of machine, else within 1e-6.

    Raises:
        ArtifactError: a value differs, or they are no rows.

    """
    try:
        data, names, rows = inputs(golden, schema), *_outputs(golden["output"])
        exact = golden["machine"] == platform.machine()
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"the manifest's golden rows cannot be read ({error!r}); package the model again"
        ) from error
    found = predict(data)
    given = [column.name for column in found.columns]
    if given != names or found.rows != len(rows):
        msg = f"the golden rows give {found.rows} rows of {given}, and the manifest has {names}"
        tolerate(msg, skew=skew)
        return
    for position, column in enumerate(found.columns):
        wanted = [row[position] for row in rows]
        for row, (value, expected) in enumerate(zip(column.tolist(), wanted, strict=True)):
            if not _agrees(value, expected, exact=exact):
                msg = f"golden row {row}: {column.name!r} is {value!r} and was {expected!r} at packaging"
                tolerate(msg, skew=skew)
                return


def _outputs(split: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    names, rows = split["columns"], split["data"]
    if any(len(row) != len(names) for row in rows):
        raise ValueError(f"a row has other than {len(names)} values")
    return names, rows


def _agrees(value: object, expected: object, *, exact: bool) -> bool:
    if exact or not (isinstance(value, float) and isinstance(expected, float)):
        return value == expected
    return bool(np.isclose(value, expected, rtol=RELATIVE, atol=0))
