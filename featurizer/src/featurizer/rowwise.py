"""Which transformers compute each row for itself, so that rows of several requests may be computed in one call."""

from __future__ import annotations

from typing import Any, Final

# By name, because importing scikit-learn to compare classes takes a second, which a plan avoids.
# All of these look up, compare, add or multiply cell by cell. Left out on purpose: what multiplies
# matrices (PCA, KNNImputer), whose last bit depends on the other rows, and what runs a
# function of the user's.
ROWWISE: Final = frozenset(
    {
        "Binarizer",
        "ColumnTransformer",
        "FeatureUnion",
        "KBinsDiscretizer",
        "MaxAbsScaler",
        "MinMaxScaler",
        "MissingIndicator",
        "OneHotEncoder",
        "OrdinalEncoder",
        "Pipeline",
        "PolynomialFeatures",
        "QuantileTransformer",
        "RobustScaler",
        "SelectKBest",
        "SelectPercentile",
        "SimpleImputer",
        "StandardScaler",
        "TargetEncoder",
        "VarianceThreshold",
    }
)


def independent(step: Any) -> bool:
    """Tell whether a fitted step and all within it are known to compute row by row."""
    if step is None or isinstance(step, str):
        return True  # passthrough and drop
    kind = type(step)
    own = kind.__module__.startswith("sklearn.")
    if own and kind.__name__ == "FunctionTransformer":
        return step.func is None  # what a fitted ColumnTransformer has for passthrough
    return own and kind.__name__ in ROWWISE and all(independent(part) for part in _within(step))


def _within(step: Any) -> list[Any]:
    parts = [part for _, part, _ in getattr(step, "transformers_", ())]
    parts += [part for _, part in getattr(step, "transformer_list", ())]
    return parts + [part for _, part in getattr(step, "steps", ())]
