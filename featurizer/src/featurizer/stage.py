"""The featurizer as a stage: a fitted transformer loaded once, and rows turned into features."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from featurizer.preprocess import load
from stagewire.table import Table, from_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from featurizer.model import Featurizer

TAKES: Final = "table"
# A scikit-learn transform costs 4 ms whatever the rows are; on the event loop /ping would wait.
INLINE_BYTES: Final = 0
# joblib is pickle: only the version that wrote it is sure to read it as it was.
PINNED: Final = ("scikit-learn",)


def model_fn(model_dir: str, *, environ: Mapping[str, str] = os.environ) -> Featurizer:
    """Load the transformer of a model directory.

    Raises:
        ArtifactError: there is none, or it cannot serve.

    """
    return load(model_dir, environ=environ)


def predict_fn(data: Table, model: Featurizer) -> Table:
    """Return the features of rows that fit `model.schema`.

    Raises:
        BadRows: the transformer refuses rows; at most 100 are named, more may follow a retry.

    """
    return from_matrix(model.output.names, model(data), request=data.request)
