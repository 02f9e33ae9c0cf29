"""Features to predictions: the plan's trees for few rows, XGBoost for many."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from predictor import plan as plans

if TYPE_CHECKING:
    from collections.abc import Callable

    import xgboost as xgb

# Up to here the plan's arrays are the faster of the two (predictor/both.py has the measurement).
PLAN_ROWS = 256


def load(model_dir: str) -> Callable[[bytes], bytes]:
    """Return what turns raw float32 features into CSV."""
    plan = plans.load(Path(model_dir))
    width = len(plan.signature.names)
    iterations = plan.signature.iterations

    @cache
    def booster() -> xgb.Booster:
        import xgboost as xgb

        found = xgb.Booster({"nthread": 1})
        found.load_model(Path(model_dir, "model.ubj"))
        return found

    def predictions(body: bytes) -> bytes:
        features = np.frombuffer(body, np.float32).reshape(-1, width)
        if len(features) <= PLAN_ROWS:
            found = plan(features)
        else:
            found = booster().inplace_predict(features, iteration_range=iterations)
        # The plan hands out a view into its sums, and orjson takes whole arrays only.
        text = orjson.dumps(np.ascontiguousarray(found), option=orjson.OPT_SERIALIZE_NUMPY)
        return text[1:-1].replace(b",", b"\n")

    return predictions
