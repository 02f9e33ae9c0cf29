"""Stage 1: raw rows to features, by scikit-learn or by the plan that is proven equal to it."""

from __future__ import annotations

from featurizer.stage import INLINE_BYTES, PINNED, TAKES, compile_fn, model_fn, predict_fn

__all__ = ["INLINE_BYTES", "PINNED", "TAKES", "compile_fn", "model_fn", "predict_fn"]
