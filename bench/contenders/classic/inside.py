"""Where one request's time goes inside the classic pair's stages: its own functions, timed one by one."""

from __future__ import annotations

import csv
import io
import json
import sys

from clock import timed


def featurizer(body: str) -> tuple[dict[str, float], str]:
    """Time stage 1; returns its answer too."""
    import pandas as pd

    from featurizer import COLUMNS, load

    frame = pd.read_csv(io.StringIO(body), header=None)
    frame.columns = COLUMNS
    model = load()
    features = model.transform(frame)

    def write() -> str:
        text = io.StringIO()
        csv.writer(text).writerows(features)
        return text.getvalue()

    steps = timed(
        100,
        **{
            "load the model": load,
            "parse CSV (pandas)": lambda: pd.read_csv(io.StringIO(body), header=None),
            "ColumnTransformer.transform": lambda: model.transform(frame),
            "write CSV": write,
        },
    )
    return steps, write()


def predictor(body: str) -> tuple[dict[str, float], str]:
    """Time stage 2; returns its answer too."""
    import pandas as pd
    import xgboost as xgb

    from predictor import load

    frame = pd.read_csv(io.StringIO(body), header=None)
    model = load()
    found = model.predict(xgb.DMatrix(data=frame))
    steps = timed(
        100,
        **{
            "load the model": load,
            "parse CSV (pandas)": lambda: pd.read_csv(io.StringIO(body), header=None),
            "DMatrix and predict": lambda: model.predict(xgb.DMatrix(data=frame)),
            "write JSON": lambda: json.dumps({"result": found.tolist()}),
        },
    )
    return steps, ""


if __name__ == "__main__":
    stage = {"featurizer": featurizer, "predictor": predictor}[sys.argv[1]]
    print(json.dumps(stage(sys.stdin.read())))
