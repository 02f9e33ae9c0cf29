"""Stage 1: raw rows to features, by scikit-learn."""

from __future__ import annotations

from featurizer.stage import INLINE_BYTES, PINNED, TAKES, model_fn, predict_fn

__all__ = ["INLINE_BYTES", "PINNED", "TAKES", "model_fn", "predict_fn"]
