"""Loading a Booster, on one thread, and asking what it was trained for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stagewire.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import xgboost as xgb

NAME: Final = "model.ubj"
# The one booster that has no trees.
LINEAR: Final = "gblinear"
# JSON files that may stand beside a model and are none.
_NO_MODELS: Final = frozenset({"manifest.json", "training.json"})

# What its library puts before a reason: "[17:03:49] /workspace/src/objective/objective.cc:27: ".
_PLACE: Final = re.compile(r"^\[[\d:]+\] \S+:\d+: ")


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a Booster was trained for.

    `classes` is XGBoost's count for a multi:* objective, else 0. `several` tells apart the numbers of
    a row, where there is more than one, by label (0 and so on) or quantile (0.1). `iterations` ends at
    the best one when early stopping found it, (0, 0) means all: what XGBRegressor.predict uses.
    """

    objective: str
    booster: str
    classes: int
    several: tuple[str, ...]
    iterations: tuple[int, int]


def find(model_dir: Path) -> Path:
    """Find the model's file: `model.ubj`, or else the only UBJSON, or else the only JSON.

    Raises:
        ArtifactError: there is none, or several to choose from.

    """
    if (model_dir / NAME).is_file():
        return model_dir / NAME
    for pattern in ("*.ubj", "*.json"):
        found = sorted(path for path in model_dir.glob(pattern) if path.name not in _NO_MODELS)
        if len(found) == 1:
            return found[0]
        if found:
            names = [path.name for path in found]
            raise ArtifactError(f"{model_dir} holds several models, {names}: keep one as {NAME}")
    raise ArtifactError(
        f"{model_dir} holds no XGBoost model: put one there with save_model({NAME!r})"
    )


def load(path: Path) -> xgb.Booster:
    """Load a Booster that computes on the caller's thread.

    One thread, set before the load: requests already run beside each other, OpenMP's threads then
    cost up to 36 times the time, and a process forked after a load with more would hang.

    Raises:
        ArtifactError: XGBoost cannot read the file.

    """
    import xgboost as xgb

    booster = xgb.Booster({"nthread": 1})
    try:
        booster.load_model(path)
    except xgb.core.XGBoostError as error:
        raise ArtifactError(
            f"{path} is not a model that XGBoost {xgb.__version__} reads ({reason(error)}): save it again"
        ) from error
    return booster


def reason(error: Exception) -> str:
    """Take the reason out of XGBoost's message: without the place in its sources, and the C++ stack."""
    return _PLACE.sub("", str(error).partition("\n")[0])


def purpose(booster: xgb.Booster) -> Purpose:
    """Read a Booster's objective and counts out of its configuration."""
    learner = json.loads(booster.save_config())["learner"]
    counts = learner["learner_model_param"]
    best = booster.attr("best_iteration")
    return Purpose(
        objective=learner["objective"]["name"],
        booster=learner["gradient_booster"]["name"],
        classes=int(counts["num_class"]),
        several=_several(int(counts["num_target"]), learner["objective"]),
        iterations=(0, int(best) + 1) if best is not None else (0, 0),
    )


def _several(count: int, objective: Mapping[str, Any]) -> tuple[str, ...]:
    if count == 1:
        return ()
    alphas = objective.get("quantile_loss_param", {}).get("quantile_alpha", "[]")
    found = tuple(str(alpha) for alpha in json.loads(alphas))
    return found if len(found) == count else tuple(map(str, range(count)))
