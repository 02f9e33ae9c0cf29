"""The predictor as a stage: a model loaded once, and features turned into predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from predictor.model import Predictor, load
from stagewire.table import Table

if TYPE_CHECKING:
    from stagewire.start import Start

TAKES: Final = "table"
# Up to about 300 rows either way is done sooner than a thread would be at work (110 us a request).
INLINE_BYTES: Final = 16 * 1024


def model_fn(model_dir: str, context: Start | None = None) -> Predictor:
    """Load the model of a directory, with its plan where there is one and the deployment wants it.

    Raises:
        ArtifactError: there is none, or it cannot serve.

    """
    return load(Path(model_dir), context)


def predict_fn(data: Table, model: Predictor) -> Table:
    """Return the predictions for rows that fit `model.schema`."""
    return Table(model(data), data.rows, data.request)


def compile_fn(model_dir: str, samples: Table, model: Predictor) -> dict[str, Any]:
    """Write a plan beside the model if it is bit-equal on `samples` and at every split.

    Returns whether it is `proven`, and by how many rows, or the reason why there is none.
    """
    from predictor.compiling import compile_plan

    return compile_plan(Path(model_dir), samples.matrix(np.float32), model.engine)
