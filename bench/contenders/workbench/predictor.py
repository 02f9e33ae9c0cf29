"""Stage 2 as a Workbench model script: a DataFrame of features in, a DataFrame of predictions out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xgboost as xgb
from frames import input_fn, output_fn

__all__ = ["input_fn", "model_fn", "output_fn", "predict_fn"]


def model_fn(model_dir: str) -> xgb.Booster:
    """Load the booster once."""
    return xgb.Booster(model_file=Path(model_dir) / "model.ubj")


def predict_fn(frame: pd.DataFrame, model: xgb.Booster) -> pd.DataFrame:
    """Score by way of a DMatrix."""
    return pd.DataFrame({"prediction": model.predict(xgb.DMatrix(frame))})
