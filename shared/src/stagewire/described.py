"""The two routes that the front answers, as OpenAPI 3.1 describes them: with the stage's own columns once it is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from stagewire import errors, media
from stagewire.codec import CODECS

if TYPE_CHECKING:
    from stagewire.schema import Field, Schema

_BINARY = {"type": "string", "format": "binary"}
_TEXT = {"type": "string"}
_REFUSALS = (
    errors.Malformed,
    errors.NotAcceptable,
    errors.TooLarge,
    errors.UnsupportedMedia,
    errors.BadRows,
    errors.StageFailed,
    errors.NotReady,
)
_ID = {"description": "The request's id, in the answer and in the log", "schema": _TEXT}

ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "stage", "request_id", "rows"],
            "properties": {
                "code": _TEXT,
                "message": _TEXT,
                "stage": _TEXT,
                "request_id": _TEXT,
                "bad_row_count": {"type": "integer", "description": "of bad rows, listed or not"},
                "rows": {
                    "type": "array",
                    "maxItems": errors.LISTED_ROWS,
                    "items": {
                        "type": "object",
                        "required": ["row", "column", "value", "reason"],
                        "properties": {
                            "row": {"type": "integer", "minimum": 0},
                            "column": {"type": ["string", "null"]},
                            "value": {"type": ["string", "null"]},
                            "reason": _TEXT,
                        },
                    },
                },
            },
        }
    },
}


def refusal(text: str) -> dict[str, Any]:
    """Describe an answer of the one error shape."""
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": text, "content": {media.JSON: {"schema": schema}}}


def ping() -> dict[str, Any]:
    """Describe `/ping`."""
    return {
        "200": {"description": "Ready; the answer is empty"},
        "503": refusal("Loading, or refused: the message says why"),
    }


def invocations(given: Schema | None) -> dict[str, Any]:
    """Describe `/invocations`; `given` is the stage's input, None while it is not known."""
    answers = {name: {"schema": _form(name)} for name in CODECS}
    found: dict[str, Any] = {
        "200": {
            "description": "The answer, in the form that Accept names, else in the request's own",
            "headers": {"X-Request-Id": _ID},
            "content": answers,
        }
    }
    for kind in _REFUSALS:
        found[str(kind.status)] = refusal(_sentence(kind))
    found["503"]["headers"] = {"Retry-After": {"description": "Seconds", "schema": _TEXT}}
    return {
        "parameters": [{"name": "X-Request-Id", "in": "header", "required": False, **_ID}],
        "requestBody": {"required": True, "content": _bodies(given)},
        "responses": found,
    }


def _sentence(kind: type[errors.StageError]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def _form(name: str) -> dict[str, Any]:
    if name == media.JSON:
        return {}
    return _BINARY if name in {media.NPY, media.ARROW} else _TEXT


def _bodies(given: Schema | None) -> dict[str, Any]:
    bodies: dict[str, Any] = {name: {"schema": _form(name)} for name in CODECS}
    if given is None:
        return bodies
    row = [_example(field) for field in given.fields]
    record = dict(zip(given.names, row, strict=True))
    bodies[media.CSV]["example"] = ",".join(map(str, row)) + "\n"
    bodies[media.JSON] = {"schema": _json(given), "example": {"instances": [row]}}
    bodies[media.JSONLINES]["example"] = orjson.dumps(record).decode() + "\n"
    return bodies


def _example(field: Field) -> float | str:
    return 0.5 if field.numeric else "a"


def _json(given: Schema) -> dict[str, Any]:
    """Describe the forms of JSON; a row without names may have the label behind."""
    cells = [{"type": ["number" if each.numeric else "string", "null"]} for each in given.fields]
    record = {
        "type": "object",
        "required": list(given.names),
        "properties": dict(zip(given.names, cells, strict=True)),
    }
    row = {"type": "array", "prefixItems": cells, "minItems": len(cells)}
    rows = {"type": "array", "items": {**row, "maxItems": len(cells) + 1}, "minItems": 1}
    names = {"type": "array", "items": _TEXT}
    split = {"columns": names, "data": {"type": "array", "items": {"type": "array"}}}
    return {
        "anyOf": [
            _one_of("instances", {"instances": rows}),
            {"title": "records", "type": "array", "items": record, "minItems": 1},
            {"title": "one record", **record},
            _one_of("split", split),
            _one_of("inputs", {"inputs": rows}),
            _one_of("input", {"input": rows}),
        ]
    }


def _one_of(title: str, properties: dict[str, Any]) -> dict[str, Any]:
    required = list(properties)
    return {"title": title, "type": "object", "required": required, "properties": properties}
