"""One trained pair of models: packaged for Stagewire, and as plain files, the same trees, for the others."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chains import sources
from chains.places import BIN, BUILD, DATA, ROOT, STAGES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def make() -> None:
    """Train and package, unless it was done by this code, and write the others' files and the reference."""
    out, stamp = BUILD / "models" / "trained", BUILD / "models" / "made"
    wanted = sources.digest(("shared", *STAGES, "pipeline"), DATA)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    shutil.rmtree(out, ignore_errors=True)
    for step in ("train", "package"):
        subprocess.run(
            [BIN / "stagewire", step, "--out", out], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )
    for stage in STAGES:
        folder = home("packaged", stage) / "model"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with tarfile.open(out / f"{stage}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    _plain(out)
    stamp.write_text(wanted)


def home(kind: str, stage: str) -> Path:
    """Return the folder of a stage's model, of the kind `packaged` or `plain`."""
    return BUILD / "models" / kind / stage


@dataclass(frozen=True)
class Reference:
    """The libraries' predictions for the data's rows, in a file."""

    path: Path = BUILD / "models" / "reference.npy"

    def of(self, rows: int) -> NDArray[np.float32]:
        """Return those of the first rows, repeated as the bodies are."""
        return np.resize(np.load(self.path), rows)


def facts() -> dict[str, int]:
    """Return the counts of the model that all serve."""
    found: dict[str, int] = json.loads((BUILD / "models" / "facts.json").read_text())
    return found


def _plain(out: Path) -> None:
    import joblib
    import pandas as pd
    import xgboost as xgb

    booster = xgb.Booster(model_file=out / "predictor" / "model" / "model.ubj")
    best = booster.attr("best_iteration")
    # Booster.predict would use the trees that early stopping leaves out; the others get those alone that count.
    booster = booster[: int(best) + 1] if best else booster
    # Theirs are trained on CSV without a header, so their boosters know no names.
    booster.feature_names = None
    for stage in STAGES:
        home("plain", stage).mkdir(parents=True, exist_ok=True)
    shutil.copy(out / "featurizer" / "model" / "preprocess.joblib", home("plain", "featurizer"))
    booster.save_model(home("plain", "predictor") / "model.ubj")
    # The published predictor unpickles its booster.
    joblib.dump(booster, home("plain", "predictor") / "xgboost-model")
    transformer = joblib.load(home("plain", "featurizer") / "preprocess.joblib")
    features = transformer.transform(pd.read_csv(DATA).iloc[:, :-1])
    np.save(Reference().path, booster.predict(xgb.DMatrix(features)))
    counts = {"trees": booster.num_boosted_rounds(), "features": booster.num_features()}
    (BUILD / "models" / "facts.json").write_text(json.dumps(counts))
