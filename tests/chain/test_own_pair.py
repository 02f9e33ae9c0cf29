"""Somebody's own pair, fitted on arrays by their own program: only positions say which feature is which."""

from __future__ import annotations

import json

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xgboost as xgb
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from stagewire import loading
from stagewire.errors import SchemaMismatch
from stagewire.settings import read
from stagewire.testing import ask

ROWS = pd.DataFrame(
    {
        "size": np.arange(30) / 7,
        "weight": np.arange(30) ** 2 / 3,
        "colour": [("red", "green", "blue")[i % 3] for i in range(30)],
    }
)
FIRST = {
    "named": ColumnTransformer(
        [("n", StandardScaler(), ["size", "weight"]), ("c", OneHotEncoder(), ["colour"])]
    ),
    "unnamed": ColumnTransformer(
        [
            ("n", FunctionTransformer(np.log1p), ["size", "weight"]),
            ("c", OneHotEncoder(), ["colour"]),
        ]
    ),
}


# The names that the predictor is fitted on, None for an array.
PAIRS = {
    "named, array": ("named", None),
    "unnamed, array": ("unnamed", None),
    "unnamed, frame": ("unnamed", list("vwxyz")),
}


@pytest.fixture(scope="module", params=PAIRS.values(), ids=PAIRS)
def pair(request, tmp_path_factory):
    """A featurizer and a predictor that know no common names, and what the two objects predict."""
    folder = tmp_path_factory.mktemp("own")
    for stage in ("featurizer", "predictor"):
        (folder / stage / "model").mkdir(parents=True)
    first, names = request.param
    transformer = FIRST[first]
    features = pd.DataFrame(np.asarray(transformer.fit_transform(ROWS)), columns=names)
    features = features if names else features.to_numpy()
    model = xgb.XGBRegressor(n_estimators=9).fit(features, ROWS["size"] * 3)
    joblib.dump(transformer, folder / "featurizer" / "model" / "mine.joblib")
    model.save_model(folder / "predictor" / "model" / "mine.ubj")
    hop = {"featurizer": "auto", "predictor": "off"}
    stages = [
        loading.load(
            name, read({"SAGEMAKER_BASE_DIR": str(folder / name), "STAGEWIRE_HOP": hop[name]})
        )
        for name in hop
    ]
    return stages, model.predict(features)


def through(pair, body, kind, accept):
    """Send a body through both stages."""
    (first, last), _ = pair
    return ask(last, *ask(first, body, kind), accept)[0]


def test_rows_without_names(pair):
    """Features alone cross the hop by position."""
    body = ROWS.to_csv(index=False, header=False).encode()

    found = np.array(through(pair, body, "text/csv", "text/csv").split(), dtype=np.float32)

    assert found.tobytes() == pair[1].tobytes()


def test_rows_with_names(pair):
    """Where columns ride along, the features still go by position, and the columns come back."""
    records = ROWS.assign(id="00501").to_json(orient="records").encode()

    found = json.loads(through(pair, records, "application/json", "application/json"))

    assert np.array([row["prediction"] for row in found], np.float32).tobytes() == pair[1].tobytes()
    assert [row["colour"] for row in found] == ROWS["colour"].tolist()
    assert {row["id"] for row in found} == {"00501"}


def test_a_table_with_names(pair):
    """Arrow in, Arrow out: a column that is called as a feature of the model would be is only carried."""
    data = pa.Table.from_pandas(ROWS.assign(f0=9.0), preserve_index=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, data.schema) as writer:
        writer.write_table(data)
    kind = "application/vnd.apache.arrow.stream"

    found = pa.ipc.open_stream(through(pair, bytes(sink.getvalue()), kind, kind)).read_all()

    assert found["prediction"].to_numpy().tobytes() == pair[1].tobytes()
    assert found["f0"].to_pylist() == [9.0] * 30


def test_the_models_own_port_asks_for_its_own_names(pair):
    """A stranger's named columns are never taken by position."""
    with pytest.raises(SchemaMismatch, match="lacks the columns"):
        ask(pair[0][1], b"a,b,c,d,e\n1,2,3,4,5\n", "text/csv; header=present")
