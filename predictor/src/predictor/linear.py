"""XGBoost's prediction of a linear model: it refuses to give it in place, and to two threads at once."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xgboost as xgb
    from numpy.typing import NDArray


class Linear:
    """A gblinear Booster's predictions, one call at a time; a missing feature adds nothing.

    XGBoost's documentation, "Prediction", calls threads safe for trees only, and its scikit-learn
    interface ignores the best iteration here, since later rounds have changed the same weights.
    """

    def __init__(self, booster: xgb.Booster) -> None:
        self.booster = booster
        self._lock = Lock()

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return predictions, float32, shape (rows,) or (rows, classes), of features (rows, features)."""
        from xgboost import DMatrix

        names = self.booster.feature_names
        with self._lock:
            data = DMatrix(features, missing=np.nan, feature_names=names, nthread=1)
            found: NDArray[np.float32] = self.booster.predict(data)
        return found
