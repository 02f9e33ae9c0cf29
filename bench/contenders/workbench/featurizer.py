"""Stage 1 as a Workbench model script: a DataFrame of rows in, a DataFrame of features out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from frames import input_fn, output_fn

__all__ = ["input_fn", "model_fn", "output_fn", "predict_fn"]


def model_fn(model_dir: str) -> Any:
    """Load the transformer once."""
    return joblib.load(Path(model_dir) / "preprocess.joblib")


def predict_fn(frame: pd.DataFrame, model: Any) -> pd.DataFrame:
    """Name the columns and transform them."""
    frame.columns = model.feature_names_in_
    return pd.DataFrame(model.transform(frame))
