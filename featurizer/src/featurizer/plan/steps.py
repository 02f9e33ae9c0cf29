"""What each kind of scikit-learn step does to the columns it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from featurizer.kinds import names_in, resolve
from featurizer.plan.encoders import encode
from featurizer.plan.symbols import Block, Lookup, Number, Unplanned, Walk, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from featurizer.plan.operations import Operation
    from featurizer.plan.symbols import Symbol


def trace(step: Any, block: Block, walk: Walk) -> Block:
    """Follow columns through a fitted step; `walk` gathers what it refuses.

    Raises:
        Unplanned: names the step and says why.

    """
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return block
    name = type(step).__name__
    if type(step) not in STEPS:
        raise Unplanned(name, "is none of the steps that a plan knows")
    if block.sparse and type(step) not in _NESTED:
        raise Unplanned(name, "is given a sparse matrix, on which it computes otherwise")
    if None in block.columns and type(step) not in _NESTED:
        raise Unplanned(name, "is given a column that is otherwise only dropped")
    return STEPS[type(step)](step, block, walk)


def _pipeline(step: Any, block: Block, walk: Walk) -> Block:
    for _, part in step.steps:
        block = trace(part, block, walk)
    return block


def _columns(step: Any, block: Block, walk: Walk) -> Block:
    if step.transformer_weights:
        raise Unplanned("ColumnTransformer", "transformer_weights")
    names = names_in(step)
    found: list[Symbol | None] = []
    for _, part, chosen in step.transformers_:
        positions = resolve(chosen, names)
        if (isinstance(part, str) and part == "drop") or not positions:
            continue
        given = Block(tuple(block.columns[position] for position in positions), block.sparse)
        found += trace(part, given, walk).columns
    # A fit of nothing but dropped columns ends before it decides.
    if not getattr(step, "sparse_output_", False):
        return Block(tuple(found))
    # Filling a sparse matrix with its zeros turns -0.0 into 0.0, as adding 0.0 does.
    dense = [_then("ColumnTransformer", symbol, ("add", (0.0,))) for symbol in found]
    return Block(tuple(dense), sparse=True)


def _identity(step: Any, block: Block, _walk: Walk) -> Block:
    if step.func is not None:
        raise Unplanned("FunctionTransformer", "calls a function of its own")
    return block


def _impute(step: Any, block: Block, walk: Walk) -> Block:
    if not (isinstance(step.missing_values, float) and np.isnan(step.missing_values)):
        raise Unplanned("SimpleImputer", f"missing_values={step.missing_values!r}")
    filled: list[Symbol] = []
    for symbol in _known(block):
        _look(symbol, walk)
    for symbol, value in zip(_known(block), step.statistics_, strict=True):
        if step.keep_empty_features or value == value:  # noqa: PLR0124 (an empty column is cut)
            filled.append(_filled(symbol, value, step))
    indicator = getattr(step, "indicator_", None)
    if indicator is None:
        return Block(tuple(filled))
    noted = [_noted(_known(block)[position]) for position in indicator.features_]
    return Block((*filled, *noted))


def _filled(symbol: Symbol, value: Any, step: Any) -> Symbol:
    if isinstance(symbol, Word):
        if not isinstance(value, str):
            raise Unplanned("SimpleImputer", f"fills text with {value!r}")
        return symbol if symbol.fill is not None else Word(symbol.source, value)
    if isinstance(value, str):
        raise Unplanned("SimpleImputer", f"fills numbers with {value!r}")
    # The statistic takes the dtype of the fit before it takes that of the rows.
    number = float(np.asarray([value]).astype(step._fill_dtype)[0])  # noqa: SLF001
    return _then("SimpleImputer", symbol, ("fill", (number,)))


def _noted(symbol: Symbol) -> Symbol:
    if isinstance(symbol, Word):
        missing = 1.0 if symbol.fill is None else 0.0
        return Lookup(Word(symbol.source), (), (missing, 0.0))
    return _then("SimpleImputer", symbol, ("missing", ()))


def _standard(step: Any, block: Block, walk: Walk) -> Block:
    mean = step.mean_ if step.with_mean else None
    return _scaled(step, block, walk, ("subtract", mean), ("divide", step.scale_))


def _robust(step: Any, block: Block, walk: Walk) -> Block:
    center = step.center_ if step.with_centering else None
    scale = step.scale_ if step.with_scaling else None
    return _scaled(step, block, walk, ("subtract", center), ("divide", scale))


def _minmax(step: Any, block: Block, walk: Walk) -> Block:
    low, high = step.feature_range
    limits = (("clip", (float(low), float(high))),) if step.clip else ()
    return _scaled(step, block, walk, ("multiply", step.scale_), ("add", step.min_), limits=limits)


def _maxabs(step: Any, block: Block, walk: Walk) -> Block:
    limits = (("clip", (-1.0, 1.0)),) if step.clip else ()
    return _scaled(step, block, walk, ("divide", step.scale_), limits=limits)


def _scaled(
    step: Any, block: Block, walk: Walk, *parts: tuple[str, Any], limits: tuple[Operation, ...] = ()
) -> Block:
    used = [(name, constants) for name, constants in parts if constants is not None]
    found: list[Symbol] = []
    for position, symbol in enumerate(block.columns):
        operations = [(name, (float(constants[position]),)) for name, constants in used]
        _look(symbol, walk)
        found.append(_then(type(step).__name__, symbol, *operations, *limits))
    return Block(tuple(found))


def _look(symbol: Symbol | None, walk: Walk) -> None:
    """Note that scikit-learn looks for infinities here."""
    if isinstance(symbol, Number):
        walk.checked.append(symbol)
    elif isinstance(symbol, Lookup) and np.isinf(symbol.cells).any():
        raise Unplanned("an encoder", "gives an infinite constant to a next step")


def _then(name: str, symbol: Symbol | None, *operations: Operation) -> Number | Lookup:
    if symbol is None or isinstance(symbol, Word):
        raise Unplanned(name, "is given text")
    return symbol.then(*operations)


def _one_hot(step: Any, block: Block, walk: Walk) -> Block:
    return Block(_encoded(step, block, walk), sparse=step.sparse_output)


def _ordinal(step: Any, block: Block, walk: Walk) -> Block:
    return Block(_encoded(step, block, walk))


def _encoded(step: Any, block: Block, walk: Walk) -> tuple[Symbol, ...]:
    name = type(step).__name__
    dtype = np.dtype(step.dtype)
    if dtype != np.float64 and dtype.kind not in "iu":
        raise Unplanned(name, f"dtype={dtype}")
    found: list[Symbol] = []
    for column, symbol in enumerate(_known(block)):
        _look(symbol, walk)
        features, guard = encode(name, step, column, symbol, order=walk.turn())
        found += features
        if any(guard.refusals):
            walk.guards.append(guard)
    return tuple(found)


def _known(block: Block) -> tuple[Symbol, ...]:
    return tuple(symbol for symbol in block.columns if symbol is not None)


STEPS: Mapping[type, Callable[[Any, Block, Walk], Block]] = {
    Pipeline: _pipeline,
    ColumnTransformer: _columns,
    FunctionTransformer: _identity,
    SimpleImputer: _impute,
    StandardScaler: _standard,
    RobustScaler: _robust,
    MinMaxScaler: _minmax,
    MaxAbsScaler: _maxabs,
    OneHotEncoder: _one_hot,
    OrdinalEncoder: _ordinal,
}
# These hand columns on as they are, sparse or not, used or not.
_NESTED = frozenset({Pipeline, ColumnTransformer, FunctionTransformer})
