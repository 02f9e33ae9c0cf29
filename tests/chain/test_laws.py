"""The chain is the composition of its stages, for any rows and however they are grouped."""

from __future__ import annotations

import contextlib
import json

import joblib
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from hypothesis import given
from hypothesis import strategies as st

from stagewire.errors import CallerError
from stagewire.script import Context

# Far beyond any measure, so that scaling and splits see both ends.
FLOATS = st.floats(-1e6, 1e6) | st.floats(0, 1, width=32) | st.integers(-9, 9).map(float)
LETTERS = st.characters(codec="utf-8", exclude_characters='\0,"\r\n')
SEXES = st.sampled_from(["M", "F", "I", "m", " M", ""]) | st.text(LETTERS, max_size=4)
ROWS = st.lists(st.tuples(SEXES, *[FLOATS | st.none()] * 7), min_size=1, max_size=40)
# What the platform may send to a stage that is not last.
BETWEEN = (None, "*/*", "application/json")


@pytest.fixture(scope="session")
def fitted(trained):
    """What the libraries themselves have saved: a transformer and a Booster."""
    booster = xgb.Booster({"nthread": 1})
    booster.load_model(trained / "predictor" / "model" / "model.ubj")
    return joblib.load(trained / "featurizer" / "model" / "preprocess.joblib"), booster


def chain(stages, body, kind, accept=None, between=None):
    """Send a body through both stages, as the platform hands it on."""
    featurizer, predictor = stages
    features, hop = featurizer.answer(body, kind, between, Context("model", "law"))
    return predictor.answer(features, hop, accept, Context("model", "law"))[0]


def lines(rows):
    """Write rows as CSV."""
    return "\n".join(",".join("" if v is None else str(v) for v in row) for row in rows).encode()


@given(rows=ROWS)
def test_a_batch_is_its_rows(stages, rows):
    """A row gets the same bits in a batch of any size."""
    together = chain(stages, lines(rows), "text/csv")

    assert together == b"".join(chain(stages, lines([row]), "text/csv") for row in rows)


@given(rows=ROWS)
def test_a_csv_hop_gives_what_the_binary_hop_gives(stages, rows):
    """The hop's format carries features; it does not change them."""
    featurizer, predictor = stages
    features, kind = featurizer.answer(lines(rows), "text/csv", "text/csv", Context("model"))

    found = predictor.answer(features, kind, None, Context("model"))[0]

    assert found == chain(stages, lines(rows), "text/csv")


@given(rows=ROWS)
def test_json_and_csv_say_the_same(stages, rows):
    """A value is a value in every format; missing is missing."""
    body = json.dumps(
        {"instances": [[v if v != "" else None for v in row] for row in rows]}
    ).encode()

    assert chain(stages, body, "application/json", "text/csv") == chain(
        stages, lines(rows), "text/csv"
    )


@given(rows=ROWS)
def test_the_chain_is_its_libraries(stages, fitted, rows):
    """The bits of scikit-learn's transform followed by the Booster, for any rows that CSV can carry."""
    transformer, booster = fitted
    cells = [[np.nan if v in {"", None} else v for v in row] for row in rows]
    frame = pd.DataFrame(cells, columns=transformer.feature_names_in_)
    frame[frame.columns[0]] = frame[frame.columns[0]].astype(object)
    features = transformer.transform(frame.astype(dict.fromkeys(frame.columns[1:], float)))

    found = chain(stages, lines(rows), "text/csv")

    wanted = booster.inplace_predict(np.asarray(features, np.float32))
    assert np.array(found.split(), np.float32).tobytes() == wanted.tobytes()


@given(rows=ROWS, names=st.booleans(), accept=st.sampled_from([None, "application/json"]))
def test_what_accept_the_first_stage_gets_changes_nothing(stages, fitted, rows, names, accept):
    """The three ways that the platform may send it give the same bytes, with names and without."""
    body = lines(rows)
    if names:
        body = ",".join(fitted[0].feature_names_in_).encode() + b"\n" + body

    found = {chain(stages, body, "text/csv", accept, between) for between in BETWEEN}

    assert len(found) == 1


@given(
    body=st.binary(max_size=200),
    kind=st.sampled_from(["text/csv", "application/json", "application/x-npy"]),
)
def test_any_bytes_get_an_answer_or_a_refusal(stages, body, kind):
    """Never a 500: whatever comes is a value or the caller's error."""
    with contextlib.suppress(CallerError):
        assert isinstance(chain(stages, body, kind), bytes)
