"""Training of the predictor: trees over the features of `train`, stopped by `validation`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost as xgb
from xgboost.callback import EarlyStopping, TrainingCallback

from predictor.booster import NAME, reason
from predictor.notes import note, own_names
from predictor.progress import Progress
from predictor.score import score
from predictor.settings import Settings, read
from predictor.target import Target, choose
from stagewire.training import TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagewire.training import Channel, Job

TRAIN, VALIDATION = "train", "validation"
# Scored when all is done; neither trained on nor stopped by.
HELD_OUT = "test"


def train(job: Job) -> None:
    """Write `model/model.ubj`; with a `validation` channel, only the rounds up to the best one.

    A `test` channel is scored afterwards.

    Hyperparameters: `label` (default: the last column), `task` (default: inferred), and
    XGBoost's under SageMaker's names.

    Raises:
        TrainingError: there is no `train` channel, or data and hyperparameters do not fit.

    """
    if TRAIN not in job.channels:
        raise TrainingError(f"there is no channel {TRAIN!r} among {list(job.channels)}")
    channels = {name: job.channel(name) for name in (TRAIN, VALIDATION) if name in job.channels}
    settings = read(job.hyperparameters, validated=VALIDATION in channels)
    target = choose(job.hyperparameters, settings.objective, channels[TRAIN])
    names = [name for name in channels[TRAIN].names if name != target.label]
    if not names:
        raise TrainingError(f"there is no feature beside the label {target.label!r}")
    data = {name: matrix(channel, name, names, target) for name, channel in channels.items()}
    job.say(
        "training", objective=target.objective, classes=list(target.classes), features=len(names)
    )
    booster = boost(job, settings, target, data)
    note(booster, names=names, label=target.label, classes=target.classes)
    booster.save_model(job.model_dir / NAME)
    if HELD_OUT in job.channels:
        held_out = job.channel(HELD_OUT)
        job.say(
            "scored", channel=HELD_OUT, rows=held_out.rows, **score(job.model_dir, held_out, target)
        )


def matrix(channel: Channel, name: str, names: Sequence[str], target: Target) -> xgb.DMatrix:
    """Return a channel as XGBoost trains on it: dense float32, NaN for missing, as in serving.

    Raises:
        TrainingError: it has no rows, lacks a column, holds text or a number beyond float32.

    """
    if not channel.rows:
        raise TrainingError(f"the channel {name!r} has no rows")
    missing = [each for each in names if each not in channel.names]
    if missing:
        raise TrainingError(f"the channel {name!r} lacks the columns {missing}")
    with np.errstate(over="ignore"):
        features = np.column_stack([channel.numbers(each) for each in names]).astype(np.float32)
    infinite = np.argwhere(np.isinf(features))
    if len(infinite):
        row, column = infinite[0]
        raise TrainingError(
            f"the channel {name!r} has a number beyond float32: row {row}, column {names[column]!r}"
        )
    return xgb.DMatrix(
        features, target.values(channel, name), missing=np.nan, feature_names=own_names(names)
    )


def boost(
    job: Job, settings: Settings, target: Target, data: Mapping[str, xgb.DMatrix]
) -> xgb.Booster:
    """Train, saying the scores as it goes.

    Raises:
        TrainingError: XGBoost refuses a value.

    """
    parameters: dict[str, Any] = {**settings.parameters, "objective": target.objective}
    if target.objective.startswith("multi:"):
        parameters["num_class"] = len(target.classes)
    callbacks: list[TrainingCallback] = [Progress(job)]
    if VALIDATION in data:
        stop = EarlyStopping(rounds=settings.patience, save_best=True)
        callbacks.append(stop)
    try:
        return xgb.train(
            parameters,
            data[TRAIN],
            settings.rounds,
            evals=[(each, name) for name, each in data.items()],
            callbacks=callbacks,
            verbose_eval=False,
        )
    except xgb.core.XGBoostError as error:  # a wrong objective, metric or range
        raise TrainingError(f"XGBoost refuses: {reason(error)}") from error
