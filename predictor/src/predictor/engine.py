"""XGBoost itself, imported and loaded when it is first needed: it takes a second and 175 MiB."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from predictor.booster import LINEAR, load, purpose
from predictor.dense import Dense
from predictor.linear import Linear

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import xgboost as xgb
    from numpy.typing import NDArray

    from predictor.signature import Signature


@dataclass(slots=True)
class Engine:
    """A Booster's predictions, the same from any thread."""

    path: Path
    signature: Signature
    _booster: xgb.Booster | None = None
    _score: Dense | Linear | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def ready(self) -> bool:
        """Whether the Booster is loaded."""
        return self._booster is not None

    @property
    def booster(self) -> xgb.Booster:
        """The Booster, loaded by the first thread that asks while the others wait.

        Raises:
            ArtifactError: XGBoost cannot read the file.

        """
        with self._lock:
            if self._booster is None:
                self._booster = load(self.path)
            return self._booster

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return XGBoost's own numbers, float32, shape (rows,) or (rows, classes).

        Trees without a DMatrix, which is safe and lock-free from several threads.

        Raises:
            ArtifactError: XGBoost cannot read the file.

        """
        return (self._score or self._made())(features)

    def _made(self) -> Dense | Linear:
        booster = self.booster
        with self._lock:
            # One for all threads: each Linear has a lock of its own, and their Booster is the same.
            if self._score is None:
                linear = purpose(booster).booster == LINEAR
                self._score = (
                    Linear(booster) if linear else Dense(booster, self.signature.iterations)
                )
            return self._score
