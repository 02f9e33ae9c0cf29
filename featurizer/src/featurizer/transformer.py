"""The transformer that this stage trains: that of the platform's own scikit-learn examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

if TYPE_CHECKING:
    from featurizer.columns import Columns


def build(columns: Columns) -> Any:
    """Build, unfitted: numbers imputed and scaled, text imputed and one-hot encoded, all dense."""
    numbers = Pipeline(
        [("imputer", SimpleImputer(strategy="median")), ("scaler", StandardScaler())]
    )
    texts = Pipeline(
        [
            ("imputer", SimpleImputer(strategy="constant", fill_value="missing")),
            ("encoder", OneHotEncoder(handle_unknown="ignore", sparse_output=False)),
        ]
    )
    parts = [
        ("numeric", numbers, list(columns.numeric)),
        ("categorical", texts, list(columns.categorical)),
    ]
    return ColumnTransformer([part for part in parts if part[2]])
