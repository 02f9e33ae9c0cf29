"""A trained model directory becomes an artifact: the manifest is written, and proven by loading it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from stagewire import golden, loading, manifest
from stagewire.errors import ArtifactError
from stagewire.manifest import Manifest
from stagewire.results import empty
from stagewire.script import Context
from stagewire.training import Job

if TYPE_CHECKING:
    from stagewire.schema import Schema
    from stagewire.settings import Settings
    from stagewire.stage import Stage
    from stagewire.table import Table

TRAIN = "train"

_log = logging.getLogger(__name__)


def compile_model(name: str, settings: Settings, *, hop_dtype: str | None = None) -> Manifest:
    """Write `manifest.json` into the model directory and load the whole as a server would.

    Golden rows are the first of the channel `validation`, else of `train`. A stage's `compile_fn(
    model_dir, samples, model)` may first add files to the model, such as a plan, and prove them on
    `samples`, the rows of `train`; what it returns is recorded in the manifest as `plan`.

    Raises:
        ArtifactError: the model cannot be served, or states no schema.

    """
    model_dir = settings.model_dir
    (model_dir / manifest.NAME).unlink(missing_ok=True)
    stage = loading.load(name, settings)
    if stage.input is None or stage.output is None:
        raise ArtifactError(
            f"the model in {model_dir} states no schema, so there is nothing to record"
        )
    rows = _rows(Job(settings.base), stage.input)
    plan = _plan(stage, str(model_dir), rows.get(TRAIN))
    found = Manifest(
        stage=name,
        input=stage.input,
        output=stage.output,
        versions=manifest.installed(),
        files=manifest.digests(model_dir),
        hop={"dtype": hop_dtype} if hop_dtype else {},
        golden=_golden(stage, str(model_dir), rows.get("validation", rows.get(TRAIN))),
        plan=plan,
    )
    manifest.write(model_dir, found)
    loading.load(name, replace(settings, allow_skew=False))
    _log.info("compiled", extra={"fields": {"files": len(found.files)}})
    return found


def _rows(job: Job, schema: Schema) -> dict[str, Table]:
    """Read the channels that there are."""
    names = {TRAIN, "validation"}.intersection(job.channels)
    return {name: job.channel(name).table(schema) for name in names}


def _plan(stage: Stage, model_dir: str, rows: Table | None) -> dict[str, object]:
    if stage.script.compile_fn is None or stage.input is None:
        return {}
    samples = empty(replace(stage.input, task="transform")) if rows is None else rows.good()
    found: dict[str, object] = stage.script.compile_fn(model_dir, samples, stage.model)
    return found


def _golden(stage: Stage, model_dir: str, rows: Table | None) -> dict[str, object]:
    if rows is None:
        _log.warning("there is no channel to take golden rows from")
        return {}
    data = rows.take(np.arange(rows.rows) < golden.ROWS).good()
    return golden.record(data, stage.predict(data, Context(model_dir, "golden")))
