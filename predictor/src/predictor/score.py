"""How well a trained model does on rows it never saw, computed as serving computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from predictor.model import load
from stagewire.start import Start

if TYPE_CHECKING:
    from pathlib import Path

    from predictor.target import Target
    from stagewire.training import Channel


def score(model_dir: Path, channel: Channel, target: Target) -> dict[str, float]:
    """Return `rmse`, or `accuracy` for a classifier, over a channel's rows.

    A label that training never saw counts as wrong, where in validation it would be an error.

    Raises:
        TrainingError: the channel lacks a column or holds text where a number is expected.

    """
    # Not by a plan, which may be that of another model that the directory held before.
    model = load(model_dir, Start(str(model_dir), plan=False))
    predicted = model(channel.table(model.schema))[0].numpy()
    if not target.classes:
        error = channel.numbers(target.label) - predicted
        return {"rmse": float(np.sqrt(np.mean(error**2)))}
    right = [
        str(each) == cell for each, cell in zip(predicted, channel.cells(target.label), strict=True)
    ]
    return {"accuracy": float(np.mean(right))}
