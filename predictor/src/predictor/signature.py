"""What a model takes and gives, as far as serving must know it without the Booster."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from predictor.booster import purpose
from predictor.notes import LABEL, classes, names_in
from predictor.verdict import CLASSIFIERS, Value, Values, Verdict
from stagewire.schema import Field, Schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xgboost as xgb


@dataclass(frozen=True, slots=True)
class Signature:
    """The objective, the features' names, the label's, and the classes of a classifier.

    `width` is how many numbers XGBoost gives a row; `iterations` is which trees count, as it
    takes them; `several` tells apart the numbers of a row that are no probabilities, if more than one.
    """

    objective: str
    names: tuple[str, ...]
    label: str | None
    classes: tuple[str | int, ...]
    width: int
    iterations: tuple[int, int]
    several: tuple[str, ...] = ()

    def schema(self) -> Schema:
        """Return the features: float32 columns, since XGBoost casts every feature to float32 itself."""
        return Schema(tuple(Field(name, "float32") for name in self.names), label=self.label)

    def verdict(self) -> Verdict:
        """Choose what the numbers mean."""
        if self.several:
            return Values(self.several)
        kind = CLASSIFIERS.get(self.objective)
        return kind(self.classes) if kind else Value()

    def as_json(self) -> dict[str, Any]:
        """Return the form that a plan's file holds."""
        return asdict(self)


def from_json(data: Mapping[str, Any]) -> Signature:
    """Read what `as_json` gave."""
    begin, end = data["iterations"]
    return Signature(
        objective=data["objective"],
        names=tuple(data["names"]),
        label=data["label"],
        classes=tuple(data["classes"]),
        width=data["width"],
        iterations=(begin, end),
    )


def of(booster: xgb.Booster) -> Signature:
    """Read the signature out of a Booster.

    Raises:
        ArtifactError: the Booster's notes do not fit it.

    """
    meant = purpose(booster)
    decides = meant.objective in CLASSIFIERS and not meant.several
    shares = meant.classes if meant.objective == "multi:softprob" else 1
    return Signature(
        objective=meant.objective,
        names=names_in(booster),
        label=booster.attr(LABEL),
        classes=classes(booster, meant.classes or 2) if decides else (),
        width=len(meant.several) or shares,
        iterations=meant.iterations,
        several=meant.several,
    )
