"""The steps that count as computing row by row do so, to the bit, in any company."""

import functools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, SelectPercentile, VarianceThreshold
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from featurizer.features import dense
from featurizer.rowwise import ROWWISE, independent

RNG = np.random.default_rng(5)
FITTED = RNG.normal(size=(200, 3)) * [1.0, 1e-6, 1e6]
TARGET = FITTED[:, 0] > 0
WORDS = RNG.choice(np.array(["red", "green", "blue"], dtype=object), (200, 3))
GAPS = np.where(RNG.random((200, 3)) < 0.2, np.nan, FITTED)

ON_NUMBERS = [
    Binarizer(),
    ColumnTransformer([("a", StandardScaler(), [0]), ("b", "passthrough", [1, 2])]),
    FeatureUnion([("a", MinMaxScaler()), ("b", MaxAbsScaler())]),
    KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"),
    MaxAbsScaler(),
    MinMaxScaler(),
    make_pipeline(RobustScaler(), PolynomialFeatures(3)),
    PolynomialFeatures(2),
    QuantileTransformer(n_quantiles=50),
    RobustScaler(),
    SelectKBest(k=2),
    SelectPercentile(percentile=60),
    StandardScaler(),
    VarianceThreshold(),
]
ON_GAPS = [SimpleImputer(strategy="mean", add_indicator=True), MissingIndicator()]
ON_WORDS = [
    OneHotEncoder(handle_unknown="ignore"),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    TargetEncoder(random_state=0),
]
CASES = [
    *((step, FITTED) for step in ON_NUMBERS),
    *((step, GAPS) for step in ON_GAPS),
    *((step, WORDS) for step in ON_WORDS),
]


def names(step):
    """List the classes of a step and of all within it."""
    inner = [part for _, part, *_ in getattr(step, "transformers", ())]
    inner += [part for _, part in getattr(step, "transformer_list", ())]
    inner += [part for _, part in getattr(step, "steps", ())]
    return {type(step).__name__, *(name for part in inner for name in names(part))} - {"str"}


def test_each_that_counts_as_such_is_tried_here():
    """The list has no name that the next test does not prove."""
    assert {name for step, _ in CASES for name in names(step)} == ROWWISE


@functools.cache
def fitted():
    """Every step, fitted, beside the rows it was fitted on."""
    return [(step.fit(rows, TARGET), rows) for step, rows in CASES]


@given(places=st.lists(st.integers(0, 199), min_size=1, max_size=70))
def test_a_row_has_the_same_bits_in_any_company(places):
    """Whatever rows stand beside it, as many as a batch may have."""
    for step, rows in fitted():
        together = dense(step.transform(rows[places]))
        alone = np.concatenate([dense(step.transform(rows[[place]])) for place in set(places)])
        order = {place: index for index, place in enumerate(set(places))}

        assert independent(step)
        assert together.tobytes() == alone[[order[place] for place in places]].tobytes(), step


class Own(StandardScaler):
    """A user's own class, which may do anything, and bears a known name."""


Own.__name__ = "StandardScaler"


@pytest.mark.parametrize(
    "step",
    [
        PCA(2),
        KNNImputer(),
        FunctionTransformer(lambda rows: rows - rows.mean()),
        make_pipeline(StandardScaler(), PCA(2)),
        FeatureUnion([("a", StandardScaler()), ("b", PCA(1))]),
        ColumnTransformer([("a", Own(), [0, 1])]),
    ],
)
def test_what_is_not_known_is_not_trusted(step):
    """A product of matrices, a user's function, a user's class: none of them is batched."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = step.fit(FITTED)

    assert not independent(fitted)


def test_steps_that_do_nothing_are_fine():
    """Columns that pass or are dropped depend on no row at all."""
    parts = [("a", "passthrough", [0]), ("b", "drop", [1]), ("c", SimpleImputer(), [2])]

    assert independent(ColumnTransformer(parts).fit(FITTED))
