"""The featurizer as a stage: a transformer or its plan loaded once, and rows turned into features."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from featurizer.plan.file import STRUCTURE, read
from featurizer.planned import Planned
from stagewire.errors import ArtifactError
from stagewire.start import read as read_start
from stagewire.table import Table, from_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from featurizer.model import Featurizer
    from stagewire.start import Start

TAKES: Final = "table"
# A scikit-learn transform costs 4 ms whatever the rows are; on the event loop /ping would wait.
INLINE_BYTES: Final = 0
# joblib is pickle: only the version that wrote it is sure to read it as it was.
PINNED: Final = ("scikit-learn",)
# What packaging notes of a step that has no plan.
NOTED: Final = ("step", "reason", "cost")

_log = logging.getLogger(__name__)


def model_fn(model_dir: str, context: Start | None = None) -> Featurizer | Planned:
    """Load the proven plan of a model directory, or else its transformer.

    A plan is used if the deployment allows it, and loads none of scikit-learn, pandas, SciPy and joblib.

    Raises:
        ArtifactError: there is none, or it cannot serve.

    """
    folder = Path(model_dir)
    told = context or read_start(folder)
    found = _planned(folder, told) if told.plan else {"reason": "STAGEWIRE_PLAN=off"}
    if isinstance(found, Planned):
        return found
    return replace(_load(folder, told), note=found)


def _planned(folder: Path, told: Start) -> Planned | Mapping[str, Any]:
    """Load the plan if the manifest has its proof, or say why there is none.

    The stage has compared the files' hashes already.
    """
    found = told.manifest
    if found is None:
        return {"reason": "there is no manifest that proves one"}
    if not found.proven or STRUCTURE not in found.files:
        noted = {key: found.plan[key] for key in NOTED if key in found.plan}
        return noted or {"reason": "it was packaged without one"}
    try:
        plan, schema, output = read(folder)
    except ArtifactError as error:
        _log.warning("served without its plan: %s", error)
        return {"reason": str(error)}
    return Planned(plan, schema, output, lambda: _load(folder, told))


def _load(folder: Path, told: Start) -> Featurizer:
    from featurizer.preprocess import load

    return load(folder, skew=told.allow_skew)


def compile_fn(model_dir: str, samples: Table, model: Featurizer) -> dict[str, Any]:
    """Make and prove the plan of a model directory; returns what the manifest records."""
    from featurizer.compiling import compile_plan

    return compile_plan(Path(model_dir), model, samples)


def predict_fn(data: Table, model: Featurizer | Planned) -> Table:
    """Return the features of rows that fit `model.schema`.

    Raises:
        BadRows: the transformer refuses rows; without a plan at most 100 are named, and more may
            follow a retry.

    """
    return from_matrix(model.output.names, model(data), request=data.request)
