"""A model as it is served: its columns, and the numbers from the plan, from XGBoost, or from both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from predictor import plan as plans
from predictor import signature as signatures
from predictor.booster import find
from predictor.booster import load as load_booster
from predictor.both import Both
from predictor.engine import Engine
from stagewire.start import read

if TYPE_CHECKING:
    from pathlib import Path

    import xgboost as xgb
    from numpy.typing import NDArray

    from predictor.signature import Signature
    from predictor.verdict import Verdict
    from stagewire.schema import Schema
    from stagewire.start import Start
    from stagewire.table import Column, Table


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model and what its numbers mean; `schema` and `output` are its columns.

    `reason` says why there is no plan.
    """

    engine: Engine
    scorer: Engine | Both
    signature: Signature
    verdict: Verdict
    schema: Schema
    output: Schema
    reason: str = ""

    def describe(self) -> dict[str, Any]:
        """Return what `/metadata` shows: up to how many rows the plan serves, or why none does."""
        if not isinstance(self.scorer, Both):
            return {"plan": "off", "reason": self.reason}
        return {
            "plan": "on",
            "kind": type(self.scorer.plan.leaves).__name__.lower(),
            "crossover": self.scorer.rows,
            "xgboost_loaded": self.engine.ready,
        }

    @property
    def booster(self) -> xgb.Booster:
        """XGBoost's own model, loaded if it is not yet."""
        return self.engine.booster

    def __call__(self, data: Table) -> tuple[Column, ...]:
        """Return the columns of the predictions."""
        return self.block(data.matrix(np.float32))

    def block(self, features: NDArray[np.float32]) -> tuple[Column, ...]:
        """Return the columns of the predictions for features, shape (rows, features)."""
        return self.verdict.columns(self.raw(features))

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return XGBoost's own numbers, float32, shape (rows,) or (rows, classes)."""
        if not len(features):
            # XGBoost forgets the classes of no rows and answers shape (0,).
            width = self.signature.width
            return np.empty((0, width) if width > 1 else 0, np.float32)
        return self.scorer(features)

    def warm(self) -> None:
        """Load XGBoost if a plan has made it unnecessary so far; returns when it is loaded."""
        if isinstance(self.scorer, Both):
            self.scorer.warm().join()


def load(model_dir: Path, told: Start | None = None) -> Predictor:
    """Load the model of a directory.

    Its plan is used if the manifest says that it is proven and the deployment allows it.

    Raises:
        ArtifactError: there is none, it cannot be read, or it is of a kind that is not served.

    """
    path = find(model_dir)
    reason = _objection(told or read(model_dir), model_dir / plans.NAME)
    if reason is None:
        plan = plans.load(model_dir)
        engine = Engine(path, plan.signature)
        return _predictor(engine, Both(plan, engine))
    booster = load_booster(path)
    engine = Engine(path, signatures.of(booster), booster)
    return _predictor(engine, engine, reason)


def _objection(told: Start, file: Path) -> str | None:
    """Say why a plan does not serve, None when it does."""
    found = told.manifest
    if not told.plan:
        return "STAGEWIRE_PLAN=off"
    if found is None:
        return "there is no manifest that proves one"
    if found.proven and file.is_file():
        return None
    return str(found.plan.get("reason", "it was packaged without one"))


def _predictor(engine: Engine, scorer: Engine | Both, reason: str = "") -> Predictor:
    signature = engine.signature
    verdict = signature.verdict()
    columns = signature.schema(), verdict.schema()
    return Predictor(engine, scorer, signature, verdict, *columns, reason)
