"""Strategies: any nesting of the steps that a plan knows, and rows to fit and to try it on."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from stagewire.table import Column, Role, Table, objects

NUMBERS, LEVELS, TEXTS = ("a", "b", "c"), ("k", "l"), ("s", "t")
NAMES = (*NUMBERS, *LEVELS, *TEXTS)
WORDS = ("red", "green", "blue", "NA", "", "00501", "é")
flags = st.booleans()


def cells(rng, count, values, missing):
    """Draw cells from a few values, some of them missing (None)."""
    drawn = rng.integers(0, len(values), count)
    empty = rng.random(count) < missing
    return [None if none else values[i] for i, none in zip(drawn, empty, strict=True)]


def numbers(rng, count, missing, scale):
    """Draw numbers of a scale, zeros of both signs among them."""
    found = rng.normal(size=count) * scale
    found[rng.random(count) < 0.15] = 0.0
    found[rng.random(count) < 0.1] = -0.0
    found[rng.random(count) < missing] = np.nan
    return found


@st.composite
def tables(draw, *, strange=False, size=None):
    """Rows of all columns; strange ones hold values that the usual ones do not."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = size or draw(st.integers(1, 40))
    missing = draw(st.sampled_from([0.0, 0.0, 0.2, 0.9]))
    words = (*WORDS, "unknown", "nan") if strange else WORDS[: draw(st.integers(1, len(WORDS)))]
    levels = range(-3 if strange else 0, draw(st.integers(2, 7)))
    scales = draw(st.lists(st.sampled_from([1e-12, 1.0, 1e9]), min_size=3, max_size=3))
    columns = [
        Column(name, numbers(rng, count, missing, scale * (10 if strange else 1)))
        for name, scale in zip(NUMBERS, scales, strict=True)
    ]
    for name in LEVELS:
        drawn = cells(rng, count, [float(level) for level in levels], missing)
        columns.append(Column(name, np.array(drawn, dtype=np.float64)))
    columns += [Column(name, objects(cells(rng, count, words, missing))) for name in TEXTS]
    return Table(tuple(columns), count)


scalers = st.one_of(
    st.builds(StandardScaler, with_mean=flags, with_std=flags),
    st.builds(
        MinMaxScaler, clip=flags, feature_range=st.sampled_from([(0, 1), (-1, 1), (-0.5, 3.25)])
    ),
    st.builds(MaxAbsScaler, clip=flags),
    st.builds(RobustScaler, with_centering=flags, with_scaling=flags, unit_variance=flags),
)
number_fills = st.one_of(
    st.builds(
        SimpleImputer,
        strategy=st.sampled_from(["mean", "median", "most_frequent"]),
        add_indicator=flags,
        keep_empty_features=flags,
    ),
    st.builds(
        SimpleImputer,
        strategy=st.just("constant"),
        fill_value=st.sampled_from([None, 0, -1, 2.5, -0.0]),
        add_indicator=flags,
        keep_empty_features=flags,
    ),
)
text_fills = st.one_of(
    st.builds(SimpleImputer, strategy=st.just("most_frequent"), add_indicator=flags),
    st.builds(
        SimpleImputer,
        strategy=st.just("constant"),
        fill_value=st.sampled_from([None, "missing", "red", ""]),
    ),
)
rare = st.one_of(st.none(), st.sampled_from([2, 5, 0.2]))
most = st.one_of(st.none(), st.integers(1, 4))
one_hots = st.builds(
    OneHotEncoder,
    handle_unknown=st.sampled_from(["error", "ignore", "ignore", "infrequent_if_exist", "warn"]),
    drop=st.sampled_from([None, None, "first", "if_binary"]),
    min_frequency=rare,
    max_categories=most,
    sparse_output=flags,
)
ordinals = st.one_of(
    st.builds(
        OrdinalEncoder,
        handle_unknown=st.just("use_encoded_value"),
        unknown_value=st.sampled_from([-1, 99, np.nan]),
        encoded_missing_value=st.sampled_from([np.nan, -2]),
        min_frequency=rare,
        max_categories=most,
    ),
    st.builds(OrdinalEncoder, encoded_missing_value=st.sampled_from([np.nan, -2])),
)
after = st.one_of(scalers, number_fills, st.just("passthrough"))


def pipelines(*parts):
    """Make a Pipeline, or one in another, of drawn lists of steps."""

    def make(lists, *, nested):
        steps = [step for steps in lists for step in steps]
        if nested and len(steps) > 1:
            steps = [piped(steps[:-1]), steps[-1]]
        return piped(steps) if steps else "passthrough"

    return st.builds(make, st.tuples(*parts), nested=flags)


def piped(steps):
    """Number the steps of a Pipeline."""
    return Pipeline([(f"s{i}", step) for i, step in enumerate(steps)])


def few(steps, most=1):
    """Some of a kind of step."""
    return st.lists(steps, max_size=most)


number_parts = pipelines(few(number_fills), few(scalers, 3), few(number_fills))
code_parts = st.one_of(
    pipelines(few(number_fills), st.lists(one_hots, min_size=1, max_size=1)),
    pipelines(few(number_fills), st.lists(ordinals, min_size=1, max_size=1), few(after, 2)),
)
text_parts = st.one_of(
    pipelines(few(text_fills), st.lists(one_hots, min_size=1, max_size=1)),
    pipelines(few(text_fills), st.lists(ordinals, min_size=1, max_size=1), few(after, 2)),
)


def chosen(names):
    """Some of the columns, in any order."""
    return st.lists(st.sampled_from(names), min_size=1, unique=True)


@st.composite
def column_transformers(draw):
    """A ColumnTransformer over columns that may come again, at times with another step behind it."""
    kinds = [
        (number_parts, NUMBERS + LEVELS),
        (code_parts, LEVELS),
        (text_parts, TEXTS),
        (st.sampled_from(["passthrough", "drop"]), NUMBERS),
    ]
    picked = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4))
    parts = [(f"p{i}", draw(part), draw(chosen(names))) for i, (part, names) in enumerate(picked)]
    made = ColumnTransformer(parts, sparse_threshold=draw(st.sampled_from([0, 0.3, 1])))
    return piped([made, *draw(few(after, 2))]) if draw(flags) else made


@st.composite
def fits(draw):
    """A fitted transformer with the rows it was fitted on."""
    if draw(st.integers(0, 3)) == 0:
        return draw(bare())
    inner = column_transformers()
    outer = st.builds(
        lambda a, b: ColumnTransformer([("a", a, list(NAMES)), ("b", b, list(NAMES))]),
        inner,
        inner,
    )
    transformer = draw(st.one_of(inner, inner, outer))
    data = draw(tables(size=draw(st.sampled_from([3, 20, 60]))))
    return fit(transformer, data.frame(Role.FEATURE)), data


@st.composite
def bare(draw):
    """A fitted Pipeline of its own, which may have seen an array without names."""
    kinds = [(number_parts, NUMBERS), (code_parts, LEVELS), (text_parts, TEXTS)]
    part, names = draw(st.sampled_from(kinds))
    data = draw(tables(size=30))
    data = Table(tuple(c for c in data.columns if c.name in names), data.rows)
    frame = data.frame(Role.FEATURE)
    transformer = draw(part.filter(lambda made: made != "passthrough"))
    return fit(transformer, frame if draw(flags) else frame.to_numpy()), data


def fit(transformer, rows):
    """Fit, unless scikit-learn finds the drawn steps impossible."""
    with warnings.catch_warnings():
        # Columns that are empty, categories unknown to a second step: part of what is tried.
        warnings.simplefilter("ignore")
        try:
            return transformer.fit(rows)
        except (ValueError, TypeError, ZeroDivisionError):
            assume(condition=False)
            raise


@pytest.fixture(scope="session")
def fitted():
    """The strategy of fitted transformers, each with the rows it was fitted on."""
    return fits()


@pytest.fixture(scope="session")
def rows():
    """The strategy of rows to try them on, with values that no fit has seen."""
    return tables(strange=True)
