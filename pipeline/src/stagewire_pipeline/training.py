"""Both stages trained from one CSV: split, featurizer, predictor, held-out score."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stagewire import manifest
from stagewire_pipeline import dataset, record
from stagewire_pipeline.errors import DataError
from stagewire_pipeline.kinds import Kinds, check_label, kinds
from stagewire_pipeline.layout import STAGES, TEST_FILE, job
from stagewire_pipeline.record import Record
from stagewire_pipeline.split import split

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stagewire_pipeline.child import Line, Stages
    from stagewire_pipeline.dataset import Dataset
    from stagewire_pipeline.split import Split

RECORD = "train.json"
FEATURIZER, PREDICTOR = STAGES
TEST = "test"
# What the predictor calls its score of a channel, by task.
SCORES = ("rmse", "accuracy")
CLASSIFICATION = "classification"
# What XGBoost calls the objectives of classifiers begins so.
CLASSIFIERS = ("binary:", "multi:")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What was asked for; `extra` are further hyperparameters by stage."""

    data: Path
    out: Path
    label: str | None = None
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    task: str | None = None
    seed: int = 0
    extra: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def asked(self) -> str | None:
        """The task that was asked for, by its name or by an objective."""
        extra = self.extra.get(PREDICTOR, {})
        if objective := extra.get("objective"):
            return CLASSIFICATION if objective.startswith(CLASSIFIERS) else "regression"
        return self.task or extra.get("task")

    def hyperparameters(self, stage: str, label: str, chosen: Kinds) -> dict[str, str]:
        """Return a stage's hyperparameters: lists as JSON, since a name may hold a comma."""
        found: dict[str, str] = {"label": label}
        if stage == FEATURIZER:
            lists = {"numeric": chosen.numeric, "categorical": chosen.categorical}
            found |= {key: json.dumps(names) for key, names in lists.items() if names}
        else:
            found["seed"] = str(self.seed)
            found |= {"task": self.task} if self.task else {}
        return found | dict(self.extra.get(stage, {}))


@dataclass(frozen=True)
class Outcome:
    """What a training gave; `score` is of the held-out rows: rmse or accuracy, and rows."""

    label: str
    kinds: Kinds
    score: Mapping[str, float]
    skipped: bool = False


def train(plan: Plan, stages: Stages, *, force: bool = False) -> Outcome:
    """Train both stages unless nothing changed since the last time.

    Raises:
        DataError: the data cannot be trained on; nothing was started.
        ChildError: a stage failed.

    """
    data = dataset.read(plan.data, label=plan.label, named=(*plan.numeric, *plan.categorical))
    chosen = choose(plan, data)
    settings = {stage: plan.hyperparameters(stage, data.label, chosen) for stage in STAGES}
    path, inputs = plan.out / RECORD, _inputs(plan, settings, stages)
    done = record.fresh(path, inputs)
    if done and not force:
        return Outcome(data.label, chosen, done.facts.get("score", {}), skipped=True)
    parts = divide(plan, data)
    path.unlink(missing_ok=True)
    write(plan.out, data, parts, settings)
    score = _held_out(fit(plan.out, stages))
    made = record.files(plan.out, [plan.out / TEST_FILE]) | _models(plan.out)
    facts = {"label": data.label, "score": score, "data": str(plan.data)}
    Record(inputs, made, facts).write(path)
    return Outcome(data.label, chosen, score)


def choose(plan: Plan, data: Dataset) -> Kinds:
    """Decide what the columns are, and refuse a label that does not fit the task.

    Raises:
        DataError: a column or the label has cells that are not what they should be.

    """
    if plan.asked != CLASSIFICATION:
        check_label(data.rows, data.label, stated=plan.asked is not None)
    # Stated for the stage alone: it knows best what else there is.
    if {"numeric", "categorical"} & set(plan.extra.get(FEATURIZER, {})):
        return Kinds(plan.numeric, plan.categorical)
    return kinds(data.rows, label=data.label, numeric=plan.numeric, categorical=plan.categorical)


def divide(plan: Plan, data: Dataset) -> Split:
    """Split the rows so that every class which is watched is also learned.

    Raises:
        DataError: there is hardly a class that comes twice.

    """
    parts, cells = split(data.rows.rows, seed=plan.seed), data.rows.cells(data.label)
    if not classifies(plan, data):
        return parts
    found = parts.covering(cells)
    if not found.validation.size:
        raise DataError(
            f"{plan.data}: the label {data.label!r} has {len(set(cells))} classes in {len(cells)} "
            "rows, too few rows a class to learn from"
        )
    return found


def classifies(plan: Plan, data: Dataset) -> bool:
    """Tell whether the label holds classes: as asked, or else when it is text, as the predictor does."""
    return plan.asked == CLASSIFICATION if plan.asked else not data.rows.is_numeric(data.label)


def write(
    out: Path, data: Dataset, parts: Split, settings: Mapping[str, Mapping[str, str]]
) -> None:
    """Write both jobs' settings and the featurizer's channels; `test` is only ever scored."""
    for stage in STAGES:
        layout = job(out, stage)
        layout.clear()
        layout.configure(settings[stage])
    channels = job(out, FEATURIZER)
    for name in ("train", "validation", TEST):
        data.write(channels.channel(name), getattr(parts, name))
    data.write(out / TEST_FILE, parts.test)


def fit(out: Path, stages: Stages) -> list[Line]:
    """Run both trainings; what the first one made is what the second one trains on."""
    stages.run(FEATURIZER, "train", job(out, FEATURIZER).base)
    job(out, PREDICTOR).take(job(out, FEATURIZER))
    return stages.run(PREDICTOR, "train", job(out, PREDICTOR).base)


def _inputs(plan: Plan, settings: Mapping[str, Mapping[str, str]], stages: Stages) -> str:
    return record.inputs(
        data=manifest.digest(plan.data),
        options=[dict(settings[stage]) for stage in STAGES],
        seed=plan.seed,
        versions=manifest.installed(),
        code=record.code(("stagewire", *(stages.module(stage) for stage in STAGES))),
    )


def _models(out: Path) -> dict[str, str]:
    """Hash the files of both models, by their path relative to the folder of all."""
    return {
        (folder / name).relative_to(out).as_posix(): digest
        for folder in (job(out, stage).model for stage in STAGES)
        for name, digest in manifest.digests(folder).items()
    }


def _held_out(lines: list[Line]) -> dict[str, Any]:
    for line in reversed(lines):
        if line.figures.get("channel") == TEST:
            found = {key: line.figures[key] for key in SCORES if key in line.figures}
            if found:
                return found | {"rows": line.figures.get("rows", 0)}
    return {}
