"""The predictor as a stage: a model loaded once, and features turned into predictions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from predictor.model import Predictor, load
from stagewire.errors import ConfigError
from stagewire.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

TAKES: Final = "table"
# Up to about 300 rows either way is done sooner than a thread would be at work (110 us a request).
INLINE_BYTES: Final = 16 * 1024
PLAN: Final = "STAGEWIRE_PLAN"


def model_fn(model_dir: str, *, environ: Mapping[str, str] = os.environ) -> Predictor:
    """Load the model of a directory, with its plan unless `STAGEWIRE_PLAN` is `off`.

    Raises:
        ArtifactError: there is none, or it cannot serve.
        ConfigError: `STAGEWIRE_PLAN` is neither `on` nor `off`.

    """
    planned = environ.get(PLAN) or "on"
    if planned not in {"on", "off"}:
        raise ConfigError(f"{PLAN} has the value {planned!r}; it must be one of: on, off")
    return load(Path(model_dir), planned=planned == "on")


def predict_fn(data: Table, model: Predictor) -> Table:
    """Return the predictions for rows that fit `model.schema`."""
    return Table(model(data), data.rows, data.request)


def compile_fn(model_dir: str, samples: Table) -> dict[str, Any]:
    """Write a plan beside the model if it is bit-equal on `samples` and at every split.

    Returns whether it is `proven`, and by how many rows, or the reason why there is none.
    """
    from predictor.compiling import compile_plan

    return compile_plan(Path(model_dir), samples.matrix(np.float32))
