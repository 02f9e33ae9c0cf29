"""The predictor's plan: trees and link in a file that NumPy alone can serve, to XGBoost's last bit."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final
from zipfile import BadZipFile

import numpy as np

from predictor import signature as signatures
from predictor.links import LINKS
from predictor.tables import build
from predictor.trees import Trees, Unplanned
from predictor.walk import Walk
from stagewire.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from predictor.signature import Signature

NAME: Final = "plan.npz"
FORMAT: Final = 1


class Plan:
    """A forest and what its margins become.

    Features must be finite or missing: the wire refuses others before they come here.
    """

    def __init__(self, trees: Trees, signature: Signature) -> None:
        if signature.objective not in LINKS:
            raise Unplanned(
                f"the objective {signature.objective}: a plan does not have its arithmetic"
            )
        self.trees = trees
        self.signature = signature
        self.link = LINKS[signature.objective]
        self.leaves = build(trees) or Walk(trees)

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return XGBoost's numbers, float32, shape (rows,) or (rows, classes)."""
        return self.link(self.trees.margins(self.leaves(features)))

    def save(self, model_dir: Path) -> None:
        """Write the plan's file: the arrays and, as JSON, the rest. No pickle."""
        header = {"format": FORMAT, "groups": self.trees.groups, **self.signature.as_json()}
        arrays = {each: getattr(self.trees, each) for each in ARRAYS}
        text = np.frombuffer(json.dumps(header).encode(), np.uint8)
        np.savez(model_dir / NAME, header=text, **arrays)


def load(model_dir: Path) -> Plan:
    """Read the plan of a model directory.

    Raises:
        ArtifactError: the file is not such a plan.

    """
    path = model_dir / NAME
    try:
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            header: dict[str, Any] = json.loads(file["header"].tobytes())
            if header.pop("format") != FORMAT:
                raise ArtifactError(f"{path} is of another format: package the model again")
            groups = header.pop("groups")
            trees = Trees(**{each: file[each] for each in ARRAYS}, groups=groups)
        return Plan(trees, signatures.from_json(header))
    except (OSError, EOFError, BadZipFile, ValueError, KeyError, TypeError, Unplanned) as error:
        raise ArtifactError(
            f"{path} cannot be read as a plan ({error!r}): package the model again"
        ) from error


ARRAYS: Final = tuple(each.name for each in fields(Trees) if each.name != "groups")
