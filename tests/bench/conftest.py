"""Lets these tests import the benchmark's package, which no distribution installs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
