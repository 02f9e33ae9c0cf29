from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xgboost as xgb

from predictor.dense import Dense

RNG = np.random.default_rng(23)
X = np.round(RNG.normal(size=(600, 4)), 1).astype(np.float32)
X[RNG.random(X.shape) < 0.1] = np.nan
SUM = np.nansum(X, axis=1)
LABELS = {
    "binary:logistic": SUM > 0,
    "multi:softmax": np.digitize(SUM, [-1, 1]),
    "multi:softprob": np.digitize(SUM, [-1, 1]),
    "reg:squarederror": SUM,
    "reg:tweedie": np.exp(SUM / 4),
}
SIZES = (1, 2, 64, 65, 600)


def boost(objective="reg:squarederror", **parameters):
    """Train a Booster."""
    more = {"num_class": 3} if objective.startswith("multi:") else {}
    given = {"objective": objective, "nthread": 1, "seed": 1, **more, **parameters}
    return xgb.train(given, xgb.DMatrix(X, LABELS[objective]), 12)


def same(mine, theirs):
    """Tell whether two arrays have the same shape, type and bits."""
    alike = (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
    return alike and mine.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("booster", ["gbtree", "dart"])
@pytest.mark.parametrize("objective", LABELS)
@pytest.mark.parametrize("iterations", [(0, 0), (0, 5)])
def test_it_gives_what_inplace_predict_gives(objective, booster, iterations):
    """Same shape, type and bits, missing values included, in a batch of any size."""
    model = boost(objective, booster=booster)
    dense = Dense(model, iterations)
    for size in SIZES:
        theirs = model.inplace_predict(X[:size], iteration_range=iterations, missing=np.nan)
        assert same(dense(X[:size]), theirs), size


def test_rows_in_any_memory_order():
    """Columns of a wider array, rows backwards, Fortran's order: the numbers of the copied rows."""
    model = boost()
    dense = Dense(model, (0, 0))
    wide = np.hstack([X, X])
    for rows in (wide[:, 4:], X[::-1], np.asfortranarray(X), X.astype(np.float64)):
        assert same(dense(rows), model.inplace_predict(np.array(rows, np.float32, order="C")))


def test_threads_do_not_see_each_others_numbers():
    """XGBoost keeps the last answer by thread; each caller has a copy of its own."""
    dense = Dense(boost(), (0, 0))
    parts = [X[i : i + 60] for i in range(0, 600, 60)] * 20
    wanted = [dense(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(dense, parts))
    assert all(map(same, found, wanted))


def test_an_answer_outlives_the_next():
    """What was returned is the caller's."""
    dense = Dense(boost(), (0, 0))
    first = dense(X[:10])
    kept = first.copy()
    dense(X[10:20])
    assert same(first, kept)


def test_too_few_features_are_refused_with_xgboosts_reason():
    """The C interface checks the width and says so."""
    with pytest.raises(RuntimeError, match=r"(?i)feature"):
        Dense(boost(), (0, 0))(X[:, :3])
