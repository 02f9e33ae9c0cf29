"""Loading the fitted transformer of a model directory; what could not serve is refused here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from featurizer.features import TextFeatureError, outputs
from featurizer.joblib_file import load as load_joblib
from featurizer.kinds import inputs
from featurizer.model import Featurizer
from stagewire.errors import ArtifactError, BadRows
from stagewire.table import Column, Table, objects

if TYPE_CHECKING:
    from pathlib import Path

    from stagewire.schema import Field

NAME: Final = "preprocess.joblib"
# What the training was told; only the label's name is of use in serving.
RECORD: Final = "training.json"


def load(model_dir: Path, *, skew: bool) -> Featurizer:
    """Load `preprocess.joblib`, or the only joblib file, and try it on one row.

    Raises:
        ArtifactError: there is no such file, it is no fitted transformer, it was saved by another
            scikit-learn and `skew` is not allowed, or its features cannot be named or are text.

    """
    path = find(model_dir)
    transformer = load_joblib(path, skew=skew)
    if not hasattr(transformer, "transform"):
        msg = f"{path} holds a {type(transformer).__name__}, not a transformer: save a fitted one"
        raise ArtifactError(msg)
    model = describe(transformer, path)
    _try_out(model, path)
    return model


def find(model_dir: Path) -> Path:
    """Find the joblib file of a model directory.

    Raises:
        ArtifactError: there is none, or several and none is called `preprocess.joblib`.

    """
    if (model_dir / NAME).is_file():
        return model_dir / NAME
    found = sorted(model_dir.glob("*.joblib"))
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} joblib files" if found else "no joblib file"
    msg = f"{model_dir} holds {what}: put the fitted transformer there as {NAME}"
    raise ArtifactError(msg)


def describe(transformer: Any, path: Path) -> Featurizer:
    """Find out what columns a fitted transformer takes and gives.

    Raises:
        ArtifactError: it is not fitted, or does not name its features.

    """
    try:
        schema = inputs(transformer, label=_label(path.parent))
        output = outputs(transformer)
    # NotFittedError is both a ValueError and an AttributeError.
    except (AttributeError, ValueError, IndexError) as error:
        msg = (
            f"{path} holds a transformer that does not tell its columns ({error}): fit it, and "
            "give each step get_feature_names_out "
            '(a FunctionTransformer: feature_names_out="one-to-one")'
        )
        raise ArtifactError(msg) from error
    return Featurizer(transformer, schema, output, hasattr(transformer, "feature_names_in_"))


def _label(model_dir: Path) -> str | None:
    record = model_dir / RECORD
    if not record.is_file():
        return None
    try:
        label = json.loads(record.read_bytes())["label"]
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{record} cannot be read ({error!r}): train again, or remove it"
        raise ArtifactError(msg) from error
    return str(label)


def _try_out(model: Featurizer, path: Path) -> None:
    """Transform a row of zeros and empty texts, which also warms scikit-learn up."""
    columns = tuple(Column(field.name, _sample(field)) for field in model.schema.fields)
    try:
        features = model(Table(columns, 1))
    except TextFeatureError as error:
        raise ArtifactError(f"{path}: {error}") from error
    except BadRows:
        # An encoder that refuses unknown categories is right to refuse this row.
        return
    if features.shape[1] != len(model.output.fields):
        msg = (
            f"{path} gives {features.shape[1]} features but names {len(model.output.fields)}: "
            "correct its get_feature_names_out"
        )
        raise ArtifactError(msg)


def _sample(field: Field) -> Any:
    return np.zeros(1) if field.numeric else objects([""])
