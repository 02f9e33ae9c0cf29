"""Training of the featurizer: fit on `train`, write every channel's features for stage 2."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import joblib

from featurizer.columns import Columns, check, choose
from featurizer.preprocess import NAME, RECORD, describe
from featurizer.transformer import build
from stagewire.table import Role
from stagewire.training import TrainingError, write_csv

if TYPE_CHECKING:
    from pathlib import Path

    from featurizer.model import Featurizer
    from stagewire.training import Channel, Job

TRAIN = "train"


def train(job: Job) -> None:
    """Write `model/preprocess.joblib` and `output/data/<channel>/<channel>.csv` of every channel.

    Hyperparameters: `label` (default: the last column), `numeric` and `categorical` (lists of
    names; default: inferred).

    Raises:
        TrainingError: there is no `train` channel, it has no rows, or the columns do not fit.

    """
    if TRAIN not in job.channels:
        raise TrainingError(f"there is no channel {TRAIN!r} among {list(job.channels)}")
    channel = job.channel(TRAIN)
    if not channel.rows:
        raise TrainingError(f"the channel {TRAIN!r} has no rows")
    columns = choose(job.hyperparameters, channel)
    others = {name: job.channel(name) for name in job.channels if name != TRAIN}
    channels = {TRAIN: channel, **others}
    for name, each in channels.items():
        check(columns, each, name)
    transformer = build(columns)
    transformer.fit(channel.table(columns.schema).frame(Role.FEATURE))
    save(job, transformer, columns)
    model = describe(transformer, job.model_dir / NAME)
    for name, each in channels.items():
        path = job.data_dir(name) / f"{name}.csv"
        featurize(each, path, model, columns)
        job.say("featurized", channel=name, rows=each.rows, features=len(model.output.fields))


def save(job: Job, transformer: Any, columns: Columns) -> None:
    """Write the fitted transformer, and beside it what it was told."""
    joblib.dump(transformer, job.model_dir / NAME)
    record = {
        "label": columns.label,
        "numeric": columns.numeric,
        "categorical": columns.categorical,
    }
    (job.model_dir / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    job.say(
        "fitted",
        label=columns.label,
        numeric=list(columns.numeric),
        categorical=list(columns.categorical),
    )


def featurize(channel: Channel, path: Path, model: Featurizer, columns: Columns) -> None:
    """Write a channel's features, exactly those of serving, and its label's text last."""
    if columns.label in model.output.names:
        raise TrainingError(
            f"the label {columns.label!r} has the same name as a feature: rename it"
        )
    features = model(channel.table(columns.schema))
    label = channel.texts(columns.label)
    write_csv(path, (*model.output.names, columns.label), (*features.T, label))
