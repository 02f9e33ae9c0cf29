"""The hyperparameters of a training, under the names of SageMaker's own XGBoost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stagewire.training import TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagewire.training import Hyperparameters

# Small steps and many rounds: on 4,000 rows of 10 features this trains in a second or two, and with a
# validation channel early stopping ends it when more rounds would overfit.
NUMBERS: Final[Mapping[str, float]] = {
    "eta": 0.05,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "min_child_weight": 5.0,
    "gamma": 0.0,
    "alpha": 0.0,
    "lambda": 1.0,
}
INTEGERS: Final[Mapping[str, int]] = {"max_depth": 4, "seed": 0}
# Given to XGBoost where they are asked for, and else left to its own defaults.
PASSED_NUMBERS: Final = (
    *("scale_pos_weight", "max_delta_step", "colsample_bylevel", "colsample_bynode"),
    *("base_score", "tweedie_variance_power", "quantile_alpha", "huber_slope"),
)
PASSED_INTEGERS: Final = ("max_leaves", "max_bin", "num_parallel_tree")
PASSED_TEXTS: Final = ("grow_policy",)
PASSED: Final = (*PASSED_NUMBERS, *PASSED_INTEGERS, *PASSED_TEXTS)
# Without a validation channel nothing ends the training early; 200 rounds of 0.05 do not overfit yet.
ROUNDS: Final = 200
# With one, the most rounds, and how many of them may pass without a better score.
ROUNDS_VALIDATED: Final = 1000
PATIENCE: Final = 30
TASKS: Final = ("regression", "classification")
OTHERS: Final = ("num_round", "early_stopping_rounds", "objective", "eval_metric", "tree_method")
ABOUT: Final = ("nthread", "label", "task", "num_class")
KNOWN: Final = frozenset({*NUMBERS, *INTEGERS, *PASSED, *OTHERS, *ABOUT})


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train; `parameters` are XGBoost's own but for objective and num_class."""

    parameters: Mapping[str, Any]
    rounds: int
    patience: int
    objective: str | None


def read(asked: Hyperparameters, *, validated: bool) -> Settings:
    """Read the hyperparameters.

    Raises:
        TrainingError: one is unknown, or its value cannot be used.

    """
    asked.known(KNOWN)
    parameters: dict[str, Any] = {key: asked.number(key, value) for key, value in NUMBERS.items()}
    parameters |= {key: asked.integer(key, value) for key, value in INTEGERS.items()}
    parameters |= {key: asked.number(key, 0) for key in PASSED_NUMBERS if asked.text(key)}
    parameters |= {key: asked.integer(key, 0) for key in PASSED_INTEGERS if asked.text(key)}
    parameters |= {key: asked.text(key) for key in PASSED_TEXTS if asked.text(key)}
    parameters["tree_method"] = asked.text("tree_method", "hist")
    threads = asked.integer("nthread", 0)
    if threads:
        parameters["nthread"] = threads
    metrics = asked.names("eval_metric")
    if metrics:
        parameters["eval_metric"] = list(metrics)
    return Settings(
        parameters,
        _positive(asked, "num_round", ROUNDS_VALIDATED if validated else ROUNDS),
        _positive(asked, "early_stopping_rounds", PATIENCE),
        asked.text("objective"),
    )


def _positive(asked: Hyperparameters, key: str, default: int) -> int:
    value = asked.integer(key, default)
    if value < 1:
        raise TrainingError(
            f"the hyperparameter {key} has the value {value}; it must be at least 1"
        )
    return value
