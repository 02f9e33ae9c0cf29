"""Stage 1 as the published Flask application does it: the model is loaded for each request."""

from __future__ import annotations

import csv
import functools
import io
import os
from pathlib import Path
from typing import Any

import flask
import joblib
import pandas as pd

COLUMNS = [
    "sex",
    "length",
    "diameter",
    "height",
    "whole_weight",
    "shucked_weight",
    "viscera_weight",
    "shell_weight",
]

app = flask.Flask(__name__)


def load() -> Any:
    """Read the transformer from disk."""
    return joblib.load(Path(os.environ["MODEL_DIR"]) / "preprocess.joblib")


if os.environ.get("LOAD_ONCE"):
    load = functools.cache(load)


@app.route("/ping", methods=["GET"])
def ping() -> flask.Response:
    """Answer 200 when the model can be loaded."""
    load()
    return flask.Response(response="\n", status=200, mimetype="application/json")


@app.route("/invocations", methods=["POST"])
def invocations() -> flask.Response:
    """Answer rows with their features, CSV."""
    print(f"featurizer: {flask.request.content_type}", flush=True)
    if flask.request.content_type != "text/csv":
        return flask.Response(response="only CSV", status=415, mimetype="text/plain")
    frame = pd.read_csv(io.StringIO(flask.request.data.decode("utf-8")), header=None)
    frame.columns = COLUMNS[: len(frame.columns)]
    text = io.StringIO()
    writer = csv.writer(text)
    for row in load().transform(frame):
        writer.writerow(row)
    text.seek(0)
    return flask.Response(response=text, status=200, mimetype="text/csv")
