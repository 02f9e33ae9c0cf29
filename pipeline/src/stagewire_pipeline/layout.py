"""SageMaker's folders for one training job, and the folder that holds both jobs."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# The order of the chain.
STAGES = ("featurizer", "predictor")
TEST_FILE = "test.csv"


@dataclass(frozen=True)
class Layout:
    """What lies under one job's SAGEMAKER_BASE_DIR, `/opt/ml` on the platform."""

    base: Path

    @property
    def model(self) -> Path:
        """Where training leaves the model."""
        return self.base / "model"

    @property
    def failure(self) -> Path:
        """Where a failed training leaves its reason."""
        return self.base / "output" / "failure"

    @property
    def made(self) -> Path:
        """Where training leaves the rows it made for the next stage, a folder a channel."""
        return self.base / "output" / "data"

    @property
    def channels(self) -> Path:
        """Where the rows to train on are, a folder a channel."""
        return self.base / "input" / "data"

    def channel(self, name: str) -> Path:
        """Name the one file of a channel."""
        return self.channels / name / f"{name}.csv"

    def clear(self) -> None:
        """Remove what an earlier job left, and nothing else."""
        for name in ("input", "model", "output"):
            shutil.rmtree(self.base / name, ignore_errors=True)

    def configure(self, hyperparameters: Mapping[str, str]) -> None:
        """Write the hyperparameters, all text, as SageMaker passes them."""
        folder = self.base / "input" / "config"
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(dict(hyperparameters), indent=2, ensure_ascii=False)
        (folder / "hyperparameters.json").write_text(text + "\n", encoding="utf-8")

    def take(self, other: Layout) -> None:
        """Take the rows that another job made as this one's channels."""
        shutil.copytree(other.made, self.channels, dirs_exist_ok=True)


def job(out: Path, stage: str) -> Layout:
    """Return the folders of one stage's job."""
    return Layout(out / stage)
