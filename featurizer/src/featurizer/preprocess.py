"""Loading the fitted transformer of a model directory; what could not serve is refused here."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from featurizer.features import TextFeatureError, outputs
from featurizer.joblib_file import load as load_joblib
from featurizer.kinds import inputs, learned
from featurizer.model import Featurizer
from stagewire.errors import ArtifactError, BadRows
from stagewire.schema import Field, Schema
from stagewire.table import Column, Table, objects

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

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
        raise ArtifactError(f"{path} holds a {_unfit(transformer)}")
    model = describe(transformer, path)
    _try_out(model, path)
    return model


def _unfit(found: Any) -> str:
    name = type(found).__name__
    if hasattr(found, "steps") and hasattr(found, "predict"):
        last = type(found.steps[-1][1]).__name__
        return (
            f"{name} that ends in {last}, which predicts: save the steps before it, pipeline[:-1]"
        )
    return f"{name}, not a transformer: save a fitted one"


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
    raise ArtifactError(f"{model_dir} holds {what}: put the fitted transformer there as {NAME}")


def describe(transformer: Any, path: Path) -> Featurizer:
    """Find out what columns a fitted transformer takes and gives.

    Features that a step does not name are numbered, f0 and so on, as XGBoost calls those of an array.

    Raises:
        ArtifactError: it is not fitted, takes no columns, or does not tell how many features it gives.

    """
    try:
        schema = inputs(transformer, label=_label(path.parent))
    # NotFittedError is both a ValueError and an AttributeError.
    except (AttributeError, ValueError, IndexError) as error:
        raise ArtifactError(f"{path} {_untold(transformer, error)}") from error
    model = Featurizer(transformer, schema, Schema(()), hasattr(transformer, "feature_names_in_"))
    try:
        return replace(model, output=outputs(transformer))
    except (AttributeError, ValueError) as error:
        return replace(model, output=_numbered(model, path, error))


def _untold(transformer: Any, error: Exception) -> str:
    first = transformer.steps[0][1] if hasattr(transformer, "steps") else transformer
    if hasattr(first, "build_analyzer"):
        name = type(first).__name__
        return (
            f"holds a {name} that takes bare texts, and a row has columns: "
            f'fit it as ColumnTransformer([("text", {name}(), "the column")])'
        )
    return f"holds a transformer that does not tell its columns ({error}): fit it"


def _numbered(model: Featurizer, path: Path, error: Exception) -> Schema:
    """Count the features of a row: a FunctionTransformer, for one, names none unless it is told to."""
    try:
        count = _tried(model, path).shape[1]
    except BadRows:
        raise ArtifactError(
            f"{path} holds a transformer that does not name its features ({error}), and refuses the "
            "row they would be counted by: give each step get_feature_names_out "
            '(a FunctionTransformer: feature_names_out="one-to-one")'
        ) from error
    return Schema(tuple(Field(f"f{i}") for i in range(count)))


def _label(model_dir: Path) -> str | None:
    record = model_dir / RECORD
    if not record.is_file():
        return None
    try:
        label = json.loads(record.read_bytes())["label"]
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{record} cannot be read ({error!r}): train again, or remove it"
        ) from error
    return str(label)


def _try_out(model: Featurizer, path: Path) -> None:
    """Transform a row, which also warms scikit-learn up."""
    try:
        features = _tried(model, path)
    except BadRows:
        # An encoder that refuses unknown categories is right to refuse this row.
        return
    if features.shape[1] != len(model.output.fields):
        raise ArtifactError(
            f"{path} gives {features.shape[1]} features but names {len(model.output.fields)}: "
            "correct its get_feature_names_out"
        )


def _tried(model: Featurizer, path: Path) -> NDArray[np.float64]:
    """Transform a row of values that the steps know, or else of zeros and empty texts.

    Raises:
        ArtifactError: the features are text.
        BadRows: the row is refused.

    """
    values = learned(model.transformer)
    fields = model.schema.fields
    columns = tuple(Column(field.name, _cell(field, values.get(field.name))) for field in fields)
    try:
        with np.errstate(all="ignore"):  # a logarithm of zero says nothing of the rows to come
            return model(Table(columns, 1))
    except TextFeatureError as error:
        raise ArtifactError(f"{path}: {error}") from error


def _cell(field: Field, value: Any) -> Any:
    return np.array([float(value or 0)]) if field.numeric else objects([value or ""])
