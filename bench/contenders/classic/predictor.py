"""Stage 2 as the published Flask application does it: the model is loaded for each request."""

from __future__ import annotations

import functools
import io
import json
import os
from pathlib import Path
from typing import Any

import flask
import joblib
import pandas as pd
import xgboost as xgb

app = flask.Flask(__name__)


def load() -> Any:
    """Read the booster from disk, a pickle as published."""
    return joblib.load(Path(os.environ["MODEL_DIR"]) / "xgboost-model")


if os.environ.get("LOAD_ONCE"):
    load = functools.cache(load)


@app.route("/ping", methods=["GET"])
def ping() -> flask.Response:
    """Answer 200 when the model can be loaded."""
    load()
    return flask.Response(response="\n", status=200, mimetype="application/json")


@app.route("/invocations", methods=["POST"])
def invocations() -> flask.Response | str:
    """Answer features with predictions, JSON as published."""
    print(f"predictor: {flask.request.content_type}", flush=True)
    if flask.request.content_type != "text/csv; charset=utf-8":
        return flask.Response(response="only CSV", status=415, mimetype="text/plain")
    frame = pd.read_csv(io.StringIO(flask.request.data.decode("utf-8")), header=None)
    predictions = load().predict(xgb.DMatrix(data=frame))
    return json.dumps({"result": predictions.tolist()})
