"""Where things are: the checkout, what is built for the benchmark, and what it keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BENCH: Final = ROOT / "bench"
CONTENDERS: Final = BENCH / "contenders"
DATA: Final = ROOT / "pipeline" / "data" / "abalone.csv"
# All that is made: environments, models, bodies, the load generator, measurements.
BUILD: Final = ROOT / "build" / "bench"
BIN: Final = ROOT / ".venv" / "bin"
STAGES: Final = ("featurizer", "predictor")
