"""A fitted transformer becomes a plan: its steps are followed, and what they do is grouped."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from featurizer.kinds import names_in
from featurizer.plan.operations import COMMON
from featurizer.plan.run import Chain, Coded, Codes, Levels, Plan, Words, places
from featurizer.plan.steps import trace
from featurizer.plan.symbols import Block, Guard, Lookup, Number, Unplanned, Walk, Word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagewire.schema import Schema

    Keyed = Mapping[Number | Word, Sequence[tuple[int, Lookup]]]

# Inputs up to these cannot overflow midway; the first that holds is taken. float32 holds 3.4e38,
# and what is beyond it is refused anyway once it is a feature; below that a plan is of no use.
_LIMITS = (float(np.finfo(np.float64).max), 1e300, 1e250, 1e200, 1e150, 1e100, 1e50, 3.5e38)


def assemble(transformer: Any, schema: Schema) -> Plan:
    """Make the plan of a fitted transformer whose columns are those of a schema.

    Raises:
        Unplanned: names the step that no plan can do, and says why.

    """
    walk = Walk()
    found = trace(transformer, _inputs(transformer, schema), walk).columns
    if not found:
        raise Unplanned("the transformer", "gives no feature")
    numbers: dict[Any, list[tuple[int, Number]]] = defaultdict(list)
    lookups: dict[Number | Word, list[tuple[int, Lookup]]] = defaultdict(list)
    for place, symbol in enumerate(found):
        if isinstance(symbol, Number):
            numbers[_signature(symbol)].append((place, symbol))
        elif isinstance(symbol, Lookup):
            lookups[symbol.key].append((place, symbol))
        else:
            raise Unplanned("the transformer", "gives text")
    limit = _limit(walk, [*_flat(numbers), *lookups])
    chains = tuple(
        (chain([number for _, number in group]), places([place for place, _ in group]))
        for group in numbers.values()
    )
    return Plan(len(found), chains, _tables(lookups, walk.guards), limit)


def _inputs(transformer: Any, schema: Schema) -> Block:
    names = names_in(transformer)
    fields = {field.name: (i, field) for i, field in enumerate(schema.fields)}
    columns: list[Number | Word | None] = []
    for name in names:
        place, field = fields.get(name, (0, None))
        kind = None if field is None else Number(place) if field.numeric else Word(place)
        columns.append(kind)
    return Block(tuple(columns))


def _signature(number: Number) -> tuple[Any, ...]:
    """Tell which columns can be computed together."""
    return tuple(
        (name, constants if name in COMMON else None) for name, constants in number.operations
    )


def _flat(numbers: Mapping[Any, Sequence[tuple[int, Number]]]) -> list[Number]:
    return [number for group in numbers.values() for _, number in group]


def _limit(walk: Walk, used: Sequence[Number | Word]) -> float:
    sources = {symbol.source for symbol in used} | {guard.key.source for guard in walk.guards}
    if any(number.source not in sources for number in walk.checked):
        raise Unplanned("the transformer", "computes a column and drops it")
    for limit in _LIMITS:
        if all(number.fits(limit) for number in walk.checked):
            return limit
    raise Unplanned("the transformer", "overflows midway")


def chain(numbers: Sequence[Number]) -> Chain:
    """Compute numeric columns of one signature together."""
    operations = tuple(
        (name, tuple(_constants(name, each) for each in zip(*constants, strict=True)))
        for name, constants in (
            (pairs[0][0], [constants for _, constants in pairs])
            for pairs in zip(*(number.operations for number in numbers), strict=True)
        )
    )
    return Chain(tuple(number.source for number in numbers), operations)


def _constants(name: str, values: Sequence[float]) -> Any:
    return values[0] if name in COMMON else np.array(values).reshape(-1, 1)


def _tables(lookups: Keyed, guards: Sequence[Guard]) -> tuple[Coded, ...]:
    keys = dict.fromkeys((*lookups, *(guard.key for guard in guards)))
    return tuple(
        _table(key, lookups.get(key, ()), [guard for guard in guards if guard.key == key])
        for key in keys
    )


def _table(
    key: Number | Word, features: Sequence[tuple[int, Lookup]], guards: Sequence[Guard]
) -> Coded:
    """Join what is made of one column: each value that any step knows gets a code."""
    values: list[Any] = list(
        dict.fromkeys(
            value
            for known in (*(lookup.known for _, lookup in features), *(g.known for g in guards))
            for value in known
        )
    )
    if isinstance(key, Number):
        values.sort()
    cells = np.empty((len(values) + 2, len(features)))
    for column, (_, lookup) in enumerate(features):
        cells[:, column] = _by_code(values, lookup.known, lookup.cells)
    refused: dict[int, tuple[int, int, str | None]] = {}
    for guard in guards:
        for code, refusal in enumerate(_by_code(values, guard.known, guard.refusals)):
            if refusal and (code not in refused or refusal.order < refused[code][0]):
                refused[code] = (refusal.order, refusal.column, refusal.shown)
    coder = (
        Words(key.source, Codes(values))
        if isinstance(key, Word)
        else Levels(chain([key]), np.array(values, dtype=np.float64))
    )
    return Coded(coder, cells, places([place for place, _ in features]), refused)


def _by_code(values: Sequence[Any], known: Sequence[Any], cells: Sequence[Any]) -> list[Any]:
    """Give each value its own cell, or that of an unknown one."""
    own = dict(zip(known, cells, strict=False))
    return [*(own.get(value, cells[-1]) for value in values), cells[-2], cells[-1]]
