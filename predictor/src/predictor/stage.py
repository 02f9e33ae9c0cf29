"""The predictor as a stage: a Booster loaded once, and features turned into predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from predictor.model import Predictor, load
from stagewire.table import Table

TAKES: Final = "table"
# Up to about 300 rows XGBoost is done sooner than a thread would be at work (110 us a request).
INLINE_BYTES: Final = 16 * 1024


def model_fn(model_dir: str) -> Predictor:
    """Load the Booster of a model directory.

    Raises:
        ArtifactError: there is none, or it cannot serve.

    """
    return load(Path(model_dir))


def predict_fn(data: Table, model: Predictor) -> Table:
    """Return the predictions for rows that fit `model.schema`."""
    return Table(model(data), data.rows, data.request)
