"""What this stage writes into a Booster's attributes, where XGBoost itself has no place for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from stagewire.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xgboost as xgb

# A JSON list of the classes, in the order of the probabilities: text or integers.
CLASSES: Final = "stagewire_classes"
# A JSON list of the features' names, where XGBoost refuses them: a category may hold [ ] or <.
FEATURES: Final = "stagewire_features"
LABEL: Final = "stagewire_label"

_REFUSED: Final = frozenset("[]<")


def names_in(booster: xgb.Booster) -> tuple[str, ...]:
    """Return the names of the features: noted, XGBoost's own, or else `f0`….

    Raises:
        ArtifactError: the note is not a list of as many names as the Booster has features.

    """
    count = booster.num_features()
    noted = _noted(booster, FEATURES)
    if noted is None:
        return tuple(booster.feature_names or (f"f{i}" for i in range(count)))
    if len(noted) != count:
        raise ArtifactError(f"{FEATURES} names {len(noted)} features, the Booster has {count}")
    return tuple(str(name) for name in noted)


def classes(booster: xgb.Booster, count: int) -> tuple[str | int, ...]:
    """Return the classes of a classifier: noted, or else the integers from 0.

    Raises:
        ArtifactError: the note is not a list of `count` texts or integers.

    """
    noted = _noted(booster, CLASSES)
    if noted is None:
        return tuple(range(count))
    alike = all(isinstance(c, str) for c in noted) or all(type(c) is int for c in noted)
    if len(noted) != count or not alike:
        raise ArtifactError(
            f"{CLASSES} is {noted!r}, which is not {count} texts or {count} integers"
        )
    return tuple(noted)


def own_names(names: Sequence[str]) -> list[str] | None:
    """Return the names that XGBoost itself can keep, or None when it refuses one of them."""
    return None if any(_REFUSED & set(name) for name in names) else list(names)


def note(
    booster: xgb.Booster, *, names: Sequence[str], label: str, classes: Sequence[str | int]
) -> None:
    """Write what a training knows and serving will ask for."""
    booster.set_attr(**{LABEL: label})
    if own_names(names) is None:
        booster.set_attr(**{FEATURES: json.dumps(list(names))})
    if classes:
        booster.set_attr(**{CLASSES: json.dumps(list(classes))})


def _noted(booster: xgb.Booster, key: str) -> list[Any] | None:
    text = booster.attr(key)
    if text is None:
        return None
    try:
        noted: list[Any] | dict[str, Any] | str | float | None = json.loads(text)
    except ValueError:
        noted = None
    if isinstance(noted, list):
        return noted
    raise ArtifactError(f"the Booster's attribute {key} is not a JSON list: {text!r}")
