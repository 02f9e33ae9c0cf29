"""Stage 2: features to predictions, by XGBoost."""

from __future__ import annotations

from predictor.stage import INLINE_BYTES, TAKES, compile_fn, model_fn, predict_fn

__all__ = ["INLINE_BYTES", "TAKES", "compile_fn", "model_fn", "predict_fn"]
