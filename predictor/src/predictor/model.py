"""A Booster with the columns it takes and gives, checked at start for what it could not serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from predictor.booster import Purpose, find, purpose
from predictor.booster import load as load_booster
from predictor.notes import LABEL, classes, names_in
from predictor.verdict import CLASSIFIERS, Value, Verdict
from stagewire.errors import ArtifactError
from stagewire.schema import Field, Schema

if TYPE_CHECKING:
    from pathlib import Path

    import xgboost as xgb
    from numpy.typing import NDArray

    from stagewire.table import Column, Table


@dataclass(frozen=True, slots=True)
class Predictor:
    """A Booster and what its numbers mean.

    `schema` holds float32 columns, since XGBoost casts every feature to float32 itself.
    """

    booster: xgb.Booster
    verdict: Verdict
    iterations: tuple[int, int]
    schema: Schema
    output: Schema

    def __call__(self, data: Table) -> tuple[Column, ...]:
        """Return the columns of the predictions."""
        return self.verdict.columns(self.raw(data.matrix(np.float32)))

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return XGBoost's own numbers, float32, shape (rows,) or (rows, classes).

        In place, without a DMatrix: it is safe and lock-free from several threads.
        """
        if not len(features):
            # XGBoost forgets the classes of no rows and answers shape (0,).
            width = len(self.output.classes)
            return np.empty((0, width) if width > 2 else 0, np.float32)  # noqa: PLR2004 (binary is 1-D)
        raw: NDArray[np.float32] = self.booster.inplace_predict(
            features, iteration_range=self.iterations, missing=np.nan
        )
        return raw


def load(model_dir: Path) -> Predictor:
    """Load the model of a directory.

    Raises:
        ArtifactError: there is none, XGBoost cannot read it, or it is of a kind that is not served.

    """
    path = find(model_dir)
    booster = load_booster(path)
    meant = purpose(booster)
    _check(meant, path)
    verdict = judge(meant, booster)
    fields = tuple(Field(name, "float32") for name in names_in(booster))
    schema = Schema(fields, label=booster.attr(LABEL))
    return Predictor(booster, verdict, meant.iterations, schema, verdict.schema())


def judge(meant: Purpose, booster: xgb.Booster) -> Verdict:
    """Choose what a Booster's numbers mean."""
    kind = CLASSIFIERS.get(meant.objective)
    return kind(classes(booster, meant.classes or 2)) if kind else Value()


def _check(meant: Purpose, path: Path) -> None:
    if meant.targets > 1:
        msg = (
            f"{path} gives {meant.targets} numbers a row (several labels or quantiles), and a "
            "prediction is one: train one model for each"
        )
        raise ArtifactError(msg)
    if meant.booster == "gblinear":
        # XGBoost says so itself, in gbm.h, but only at the first request.
        msg = f"{path} is a gblinear model, which XGBoost cannot predict in place: train gbtree"
        raise ArtifactError(msg)
