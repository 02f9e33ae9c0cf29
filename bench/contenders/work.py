"""The two models' work as the peers' examples do it: a DataFrame into scikit-learn, an array into XGBoost."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

MODEL_DIR = Path(os.environ["MODEL_DIR"])


class Featurizer:
    """The fitted transformer, loaded once."""

    def __init__(self) -> None:
        self.model = joblib.load(MODEL_DIR / "preprocess.joblib")

    def __call__(self, rows: Any) -> np.ndarray:
        """Return the features of rows, lists or a DataFrame without names."""
        return self.model.transform(
            pd.DataFrame(rows).set_axis(self.model.feature_names_in_, axis=1)
        )


class Predictor:
    """The booster, loaded once, by XGBoost's scikit-learn interface."""

    def __init__(self) -> None:
        from xgboost import XGBRegressor

        self.model = XGBRegressor(n_jobs=1)
        self.model.load_model(MODEL_DIR / "model.ubj")

    def __call__(self, features: Any) -> np.ndarray:
        """Return the predictions of features."""
        return self.model.predict(np.asarray(features, dtype=np.float64))


def read(body: bytes) -> pd.DataFrame:
    """Parse CSV without a header."""
    return pd.read_csv(BytesIO(body), header=None)


def write(found: np.ndarray) -> bytes:
    """Write CSV without a header."""
    return pd.DataFrame(found).to_csv(index=False, header=False).encode()
