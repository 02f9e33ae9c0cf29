"""A stage that trains on nothing, for the tests of what runs stages: `python -m stub_stage VERB`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path


def train(base: Path) -> int:
    """Hand every channel on as it is, score `test`, fail when a hyperparameter says so."""
    settings = json.loads((base / "input/config/hyperparameters.json").read_text())
    if "fail" in settings:
        (base / "output").mkdir(parents=True, exist_ok=True)
        (base / "output/failure").write_text(settings["fail"])
        return 1
    if "crash" in settings:
        raise RuntimeError(settings["crash"])
    shutil.copytree(base / "input/data", base / "output/data", dirs_exist_ok=True)
    (base / "model").mkdir(exist_ok=True)
    (base / "model/weights").write_text(json.dumps(settings))
    say("plain text")
    say(json.dumps({"time": "now", "message": "scored", "channel": "test", "rmse": 1.5, "rows": 3}))
    return 0


def compile_model(base: Path, options: list[str]) -> int:
    """Write the manifest whose columns the hyperparameter `columns` names."""
    settings = json.loads((base / "input/config/hyperparameters.json").read_text())
    names = settings.get("columns", "a,b").split(",")
    schema = {
        "fields": [{"name": name, "dtype": "float32"} for name in names],
        "label": None,
        "task": "transform",
        "classes": [],
    }
    manifest = {
        "format": 1,
        "stage": base.name,
        "input": schema,
        "output": schema,
        "versions": {},
        "files": {},
        "hop": {"options": " ".join(options)},
        "golden": {},
    }
    (base / "model/manifest.json").write_text(json.dumps(manifest))
    return 0


def say(text: str) -> None:
    """Write a line of output."""
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    root = Path(os.environ["SAGEMAKER_BASE_DIR"])
    verb, *rest = sys.argv[1:]
    raise SystemExit(train(root) if verb == "train" else compile_model(root, rest))
