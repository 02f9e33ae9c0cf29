"""Packaging: a Booster's plan is made, proven against the Booster, and only then written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from predictor import plan as plans
from predictor.booster import LINEAR
from predictor.plan import Plan
from predictor.proof import prove
from predictor.trees import Unplanned, read

if TYPE_CHECKING:
    from pathlib import Path

    import xgboost as xgb
    from numpy.typing import NDArray

    from predictor.engine import Engine
    from predictor.signature import Signature


def compile_plan(model_dir: Path, samples: NDArray[np.float32], engine: Engine) -> dict[str, Any]:
    """Write the plan of a model directory if it is proven, and return what is to be recorded.

    `samples` are rows of features, shape (rows, features), the more the better. What is recorded is
    `proven`, with the kind of plan and the number of rows that prove it, or the `reason` why not.
    """
    (model_dir / plans.NAME).unlink(missing_ok=True)
    try:
        plan = make(engine.booster, engine.signature)
        rows = prove(plan, engine, samples)
    except Unplanned as reason:
        return {"proven": False, "reason": str(reason)}
    plan.save(model_dir)
    kind = type(plan.leaves).__name__.lower()
    trees = len(plan.trees.roots) - plan.trees.groups
    return {"proven": True, "kind": kind, "trees": trees, "rows": rows}


def make(booster: xgb.Booster, signature: Signature) -> Plan:
    """Make a Booster's plan, yet unproven.

    Raises:
        Unplanned: it has what a plan cannot express.

    """
    if signature.several:
        raise Unplanned(f"{len(signature.several)} numbers a row")
    model = json.loads(booster.save_raw("json"))
    boosted = model["learner"]["gradient_booster"]
    if boosted["name"] == LINEAR:
        raise Unplanned(f"the booster {LINEAR}: it is not a sum of trees")
    if boosted["name"] != "gbtree":
        raise Unplanned(
            f"the booster {boosted['name']}: only XGBoost itself applies its trees' weights"
        )
    base = _base(model, len(signature.names))
    return Plan(read(boosted["model"], base, signature.iterations), signature)


def _base(model: dict[str, Any], features: int) -> NDArray[np.float32]:
    """Ask XGBoost for the margins before the first tree, (groups,), by making every leaf zero.

    How a base_score becomes a margin depends on objective and version; this holds for any. (Without
    any tree XGBoost takes the model for untrained, and its base_score for a margin.)
    """
    import xgboost as xgb

    learner = model["learner"]
    boosted = learner["gradient_booster"]
    zero = [
        {**tree, "split_conditions": [0.0] * len(tree["split_conditions"])}
        for tree in boosted["model"]["trees"]
    ]
    emptied = {**boosted, "model": {**boosted["model"], "trees": zero}}
    empty = {**model, "learner": {**learner, "gradient_booster": emptied}}
    booster = xgb.Booster({"nthread": 1})
    booster.load_model(bytearray(json.dumps(empty).encode()))
    row = np.zeros((1, features), np.float32)
    margins: NDArray[np.float32] = booster.inplace_predict(row, predict_type="margin")
    return margins.reshape(-1)
