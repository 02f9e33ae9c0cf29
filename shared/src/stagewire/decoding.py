"""A body becomes a Table: features by name or position in the schema's order, the rest carried."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stagewire.answer import INDEX
from stagewire.codec import codec
from stagewire.codec.cells import NESTED, leaves
from stagewire.conform import conform, is_number
from stagewire.errors import LISTED_ROWS, BadRows, RowError, SchemaMismatch
from stagewire.excerpt import shorten
from stagewire.parsed import ABSENT
from stagewire.request import Origin, Policy, from_parameters
from stagewire.schema import Field, Schema, numbered
from stagewire.table import Column, Role, Table, objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagewire.media import MediaType
    from stagewire.parsed import Parsed
    from stagewire.table import Array, Values

RESERVED = "prediction"
# As many as rows: the names of a body may be as long as the body.
LISTED_NAMES = LISTED_ROWS
# Beyond this JSON readers round integers to floats, so a carried one would change.
_ROUNDED = 2.0**63


def decode(
    body: bytes,
    media: MediaType,
    schema: Schema | None,
    *,
    request_id: str = "",
    policy: Policy = Policy.FAIL,
) -> Table:
    """Read a body by its content type and a stage's input schema.

    Without a schema every column is a feature, a number where all its cells are. Rows that break
    the schema come back as the table's errors; `enforce` refuses them where the policy says so.

    Raises:
        UnsupportedMedia: nobody decodes this content type.
        Malformed: the body is not of its type, or an option has no such value.
        SchemaMismatch: columns are absent, doubled, reserved, or of another type.

    """
    parsed = codec(media.name).parse(body, media, schema)
    parameters = {**media.parameters, **parsed.parameters}
    request = from_parameters(parameters, origin=parsed.origin, given_id=request_id, policy=policy)
    schema = schema or _inferred(parsed)
    columns, errors = _columns(parsed, schema, named=request.origin.named)
    ragged = {error.row for error in parsed.errors}
    found = [*parsed.errors, *(error for error in errors if error.row not in ragged)]
    block = _block(parsed, schema)
    return Table(columns, parsed.rows, request, tuple(sorted(found, key=lambda e: e.row)), block)


def enforce(table: Table) -> Table:
    """Refuse the request when rows are bad and the policy is `fail`.

    Raises:
        BadRows: names every row, at most a hundred of them in its JSON form.

    """
    if table.errors and table.request.policy is Policy.FAIL:
        raise refusal(table.errors, table.rows)
    return table


def refusal(errors: Sequence[RowError], rows: int) -> BadRows:
    """Make the error that names bad rows, the first of them in its message."""
    bad = len({error.row for error in errors})
    return BadRows(f"{bad} of {rows} rows break the schema: {errors[0]}", rows=errors)


def _columns(
    parsed: Parsed, schema: Schema, *, named: bool
) -> tuple[tuple[Column, ...], list[RowError]]:
    if parsed.names is None:
        pairs = zip(schema.fields, parsed.columns, strict=False)  # a label may follow
        return _features(list(pairs), parsed)
    places = _places(parsed, schema)
    cells = [parsed.columns[place] for place in places]
    features, errors = _features(list(zip(schema.fields, cells, strict=True)), parsed)
    roles = parsed.roles or tuple(
        Role.INPUT if place in places else Role.CARRIED for place in range(len(parsed.names))
    )
    caller = _caller(parsed, roles) if named else []
    return (*caller, *features), [*errors, *_passed_errors(parsed)]


def _caller(parsed: Parsed, roles: Sequence[Role]) -> list[Column]:
    """Keep what the caller sent, as it was written and where it stood, for a named answer."""
    return [
        Column(name, _carried(name, cells, parsed, role), role)
        for name, cells, role in zip(parsed.names or (), parsed.columns, roles, strict=True)
        if role in {Role.INPUT, Role.CARRIED}
    ]


def _features(
    pairs: Sequence[tuple[Field, Any]], parsed: Parsed
) -> tuple[tuple[Column, ...], list[RowError]]:
    columns: list[Column] = []
    errors: list[RowError] = []
    for field, cells in pairs:
        values, found = conform(parsed.kind, cells, field)
        columns.append(Column(field.name, values))
        errors += found
    return tuple(columns), errors


def _places(parsed: Parsed, schema: Schema) -> list[int]:
    """Find each feature among the named columns.

    Raises:
        SchemaMismatch: a feature is absent or there twice, or a name is doubled or reserved.

    """
    names = parsed.names or ()
    own = [
        name if parsed.roles is None or parsed.roles[place] is Role.FEATURE else None
        for place, name in enumerate(names)
    ]
    _refuse_names([name for name in own if name is not None], passed=parsed.roles is not None)
    passed = [place for place, name in enumerate(own) if name is not None]
    if parsed.roles and _numbered([names[place] for place in passed], schema):
        return passed
    found: dict[int, int] = {}
    for place, name in enumerate(own):
        position = schema.position(name) if name is not None else None
        if position is None:
            continue
        if position in found:
            first, second = names[found[position]], name
            raise SchemaMismatch(
                f"the columns {first!r} and {second!r} both name the feature {schema.names[position]!r}"
            )
        found[position] = place
    missing = [name for i, name in enumerate(schema.names) if i not in found]
    if missing:
        msg = f"the input lacks the columns {_listed(missing)}; it has {_listed(names)}"
        if parsed.origin is Origin.CSV_HEADER:
            msg += "; if line 1 is a row and no header, say header=absent"
        raise SchemaMismatch(msg)
    return [found[i] for i in range(len(schema.fields))]


def _numbered(names: Sequence[str], schema: Schema) -> bool:
    """Tell whether a previous stage's features go by position: one side has no names for an array's columns."""
    return len(names) == len(schema.fields) and (schema.numbered or numbered(names))


def _listed(names: Sequence[str]) -> str:
    """Write names for an error message: at most a hundred, none of them long."""
    more = f" and {len(names) - LISTED_NAMES} more" if len(names) > LISTED_NAMES else ""
    return f"{[shorten(name) for name in names[:LISTED_NAMES]]}{more}"


def _refuse_names(names: Sequence[str], *, passed: bool) -> None:
    if len(set(names)) < len(names):
        doubled = sorted(name for name, times in Counter(names).items() if times > 1)
        raise SchemaMismatch(f"the input has these columns twice: {_listed(doubled)}")
    if RESERVED in names and not passed:
        raise SchemaMismatch(
            f"the input has a column named {RESERVED!r}, which the answer adds; rename it"
        )


def _carried(name: str, cells: Any, parsed: Parsed, role: Role) -> Values:
    if parsed.kind == "text":
        return objects(cells)
    if parsed.kind != "json":
        return cells
    # A feature's cell is only repeated: what float64 makes of it is what the model was given.
    if role is Role.CARRIED and any(map(_rounded, cells)):
        raise SchemaMismatch(
            f"column {name!r} holds a number beyond 64 bits, which JSON cannot carry exactly; send it as text"
        )
    # A key that a row lacks is null in the answer: every row has every column there.
    # NaN, which Python's writer makes, is missing as null is.
    return objects(None if cell is ABSENT or cell != cell else cell for cell in cells)  # noqa: PLR0124 (nan)


def _rounded(cell: Any) -> bool:
    """Tell a number that JSON readers have rounded, or a list or object with one in it."""
    if isinstance(cell, float):
        return abs(cell) >= _ROUNDED
    if not isinstance(cell, NESTED):
        return False
    return any(isinstance(leaf, float) and abs(leaf) >= _ROUNDED for leaf in leaves(cell))


def _passed_errors(parsed: Parsed) -> list[RowError]:
    """Read the rows that a previous stage found bad."""
    errors: list[RowError] = []
    for cells, role in zip(
        parsed.columns, parsed.roles or [None] * len(parsed.columns), strict=True
    ):
        if role is Role.ERROR:
            texts = cells.to_pylist()
            errors += [RowError(i, None, None, str(text)) for i, text in enumerate(texts) if text]
    return errors


def _block(parsed: Parsed, schema: Schema) -> Array | None:
    """Return a plain array itself if it already has the dtype that the stage wants."""
    block = parsed.block
    wanted = {field.dtype for field in schema.fields}
    return block if block is not None and wanted == {str(block.dtype)} else None


def _inferred(parsed: Parsed) -> Schema:
    """Make a schema of what came, for a stage that states none."""
    names = parsed.names or tuple(f"x{i}" for i in range(len(parsed.columns)))
    roles = parsed.roles or (Role.FEATURE,) * len(names)
    return Schema(
        tuple(
            Field(name, "float64" if _numeric(parsed, cells) else "string")
            for name, cells, role in zip(names, parsed.columns, roles, strict=True)
            if role is Role.FEATURE and (name, parsed.origin) != (INDEX, Origin.JSON_SPLIT)
        )
    )


def _numeric(parsed: Parsed, cells: Any) -> bool:
    if parsed.kind == "text":
        return all(not cell or is_number(cell) for cell in cells)
    if parsed.kind == "json" or (parsed.kind == "arrow" and isinstance(cells, np.ndarray)):
        return not any(isinstance(cell, str) for cell in cells)
    if parsed.kind == "numpy":
        return bool(cells.dtype.kind != "U")
    return "string" not in str(cells.type)


def renumber(errors: Sequence[RowError], rows: Array) -> list[RowError]:
    """Give errors found among some rows their numbers among all rows.

    `rows` is boolean, shape (rows,), and true for the rows that were looked at.
    """
    numbers = np.flatnonzero(rows).tolist()
    return [replace(error, row=numbers[error.row]) for error in errors]
