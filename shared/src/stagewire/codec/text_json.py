"""application/json: records, split, instances, and input or inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from stagewire.answer import INDEX
from stagewire.codec.json_cells import dump, values
from stagewire.codec.json_text import load
from stagewire.errors import Malformed, TooLarge
from stagewire.excerpt import shorten
from stagewire.limits import CELLS
from stagewire.parsed import ABSENT, Parsed, columns_of
from stagewire.request import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagewire.answer import Answer
    from stagewire.media import MediaType
    from stagewire.schema import Schema

_SHAPES = (
    "a list of objects, one object, {'columns': […], 'data': [[…]]}, {'instances': […]}, "
    "{'inputs': […]} or {'input': …}"
)
_WRAPPED = {
    "instances": Origin.JSON_INSTANCES,
    "inputs": Origin.JSON_INPUTS,
    "input": Origin.JSON_INPUT,
}


def parse(body: bytes, media: MediaType, schema: Schema | None) -> Parsed:
    """Read any of the JSON forms.

    Raises:
        Malformed: not JSON, or none of the forms.

    """
    document = load(body, media)
    if isinstance(document, list):
        return records(document, Origin.JSON_RECORDS)
    if not isinstance(document, dict):
        raise _shape(document)
    whole = schema is not None and _names_all(document, schema)
    for key, origin in _WRAPPED.items():
        # A feature may be called so; but no cell is a list, so one that stands there alone is rows.
        alone = len(document) == 1 and isinstance(document.get(key), list)
        if key in document and (alone or not (whole or (schema and key in schema.names))):
            return _wrapped(document[key], key, origin, schema)
    split = "columns" in document and "data" in document
    if split and (isinstance(document["columns"], list) or not whole):
        return _split(document)
    if schema and any(schema.position(key) is not None for key in document):
        return records([document], Origin.JSON_RECORD)
    raise _shape(document)


def _names_all(document: Mapping[str, Any], schema: Schema) -> bool:
    """Tell an object with all features, which is a row: what else it holds, an `input` too, is carried."""
    count = len(schema.fields)
    if not 0 < count <= len(document):
        return False
    return {schema.position(key) for key in document} >= set(range(count))


def records(rows: Sequence[Any], origin: Origin) -> Parsed:
    """Read a list of objects; a name that a row lacks is absent there, not missing.

    Raises:
        Malformed: there are no rows, or one is no object.
        TooLarge: rows that share no names would make too many cells.

    """
    if not rows:
        raise Malformed("the body holds no rows")
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise Malformed(
                f"row {number} is {_kind(row)} where an object is expected; the forms are: {_SHAPES}"
            )
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    if len(names) * len(rows) > CELLS:
        raise TooLarge(
            f"{len(rows)} rows with {len(names)} names are over the limit of {CELLS} cells; send fewer rows a request"
        )
    columns = [[row.get(name, ABSENT) for row in rows] for name in names]
    if not names:
        raise Malformed("the rows hold no columns")
    return Parsed(origin, "json", columns, len(rows), names)


def _wrapped(rows: Any, key: str, origin: Origin, schema: Schema | None) -> Parsed:
    if origin is Origin.JSON_INPUT and not _is_rows(rows):
        rows, origin = [rows], Origin.JSON_INPUT_ROW
    if not isinstance(rows, list):
        raise Malformed(f"{key!r} is {_kind(rows)} where a list of rows is expected")
    if rows and isinstance(rows[0], dict):
        return records(rows, origin)
    return _positional(rows, key, origin, schema)


def _is_rows(rows: object) -> bool:
    return (
        isinstance(rows, list) and all(isinstance(row, list | dict) for row in rows) and bool(rows)
    )


def _positional(rows: list[Any], key: str, origin: Origin, schema: Schema | None) -> Parsed:
    for number, row in enumerate(rows):
        if not isinstance(row, list):
            raise Malformed(
                f"row {number} of {key!r} is {_kind(row)} where a list of values is expected"
            )
    width = len(schema.fields) if schema else len(rows[0]) if rows else 0
    widths = (width, width + 1) if schema else (width,)
    columns, errors = columns_of(cast("list[list[Any]]", rows), widths, blank=None, unit="values")
    return Parsed(origin, "json", columns, len(rows), errors=errors)


def _split(document: Mapping[str, Any]) -> Parsed:
    names, rows, index = document["columns"], document["data"], document.get("index")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or not names:
        raise Malformed("'columns' of the split form must be a list of names")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise Malformed("'data' of the split form must be a list of rows, each a list of values")
    columns, errors = columns_of(rows, (len(names),), blank=None, unit="values")
    if index is not None:
        if not isinstance(index, list) or len(index) != len(rows):
            raise Malformed("'index' of the split form must be a list with one entry a row")
        names, columns = [*names, INDEX], [*columns, index]
    return Parsed(Origin.JSON_SPLIT, "json", columns, len(rows), tuple(names), errors)


def _kind(value: object) -> str:
    kinds: dict[type, str] = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "a boolean",
        type(None): "null",
    }
    return kinds.get(type(value), "a number")


def _shape(document: object) -> Malformed:
    found = [shorten(key) for key in [*document][:8]] if isinstance(document, dict) else None
    keys = "" if found is None else f" with the keys {found}"
    return Malformed(f"the body is {_kind(document)}{keys}; the forms are: {_SHAPES}")


def write(answer: Answer) -> bytes:
    """Write an answer in the form that its caller used, or in the nearest one."""
    origin = answer.request.origin
    nearest: Callable[[Answer], Any] = rows_of if origin.named else _predictions
    writer = _WRITERS.get(origin, nearest)
    return dump(writer(answer), answer)


def rows_of(answer: Answer) -> list[dict[str, Any]]:
    """Return a named answer as objects, one a row."""
    columns = answer.named()
    names = [column.name for column in columns]
    lists = [values(column) for column in columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]


def bare(answer: Answer) -> list[Any]:
    """Return results without names: values, rows of features, or a label with its probabilities."""
    columns = [values(column) for column in answer.bare(proba=True)]
    if answer.featurized or answer.several:
        return [list(row) for row in zip(*columns, strict=True)]
    if len(columns) == 1:
        return columns[0] if not answer.classes else [{"label": label} for label in columns[0]]
    classes = [str(name) for name in answer.classes] or [
        column.name.removeprefix("prediction_") for column in answer.bare(proba=True)[1:]
    ]
    return [
        {"label": label, "probabilities": dict(zip(classes, row, strict=True))}
        for label, *row in zip(*columns, strict=True)
    ]


def _record(answer: Answer) -> Any:
    return next(iter(rows_of(answer)), None)


def _split_out(answer: Answer) -> dict[str, Any]:
    columns = answer.named()
    data = [list(row) for row in zip(*(values(column) for column in columns), strict=True)]
    found: dict[str, Any] = {"columns": [column.name for column in columns], "data": data}
    for column in answer.caller:
        if column.name == INDEX:
            found = {"columns": found["columns"], "index": values(column), "data": data}
    return found


def _predictions(answer: Answer) -> dict[str, Any]:
    return {"instances" if answer.featurized else "predictions": bare(answer)}


def _outputs(answer: Answer) -> dict[str, Any]:
    return {"inputs" if answer.featurized else "outputs": bare(answer)}


def _output(answer: Answer) -> dict[str, Any]:
    return {"input" if answer.featurized else "output": bare(answer)}


def _output_row(answer: Answer) -> dict[str, Any]:
    return {"input" if answer.featurized else "output": next(iter(bare(answer)), None)}


_WRITERS: Mapping[Origin, Callable[[Answer], Any]] = {
    Origin.JSON_RECORDS: rows_of,
    Origin.JSON_RECORD: _record,
    Origin.JSON_SPLIT: _split_out,
    Origin.JSON_INSTANCES: _predictions,
    Origin.JSON_INPUTS: _outputs,
    Origin.JSON_INPUT: _output,
    Origin.JSON_INPUT_ROW: _output_row,
}
