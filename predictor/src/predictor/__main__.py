"""`python -m predictor serve|train|compile`, the same program that the image runs."""

from __future__ import annotations

import gc
import os
import sys

if sys.argv[1:2] == ["serve"]:
    # Said before NumPy is there: its OpenBLAS would start a thread a CPU, a fifth of the time and
    # a third of the CPU that a start takes, to multiply matrices that no plan has.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Imports make what stays: to look for garbage in it took 6 ms. The service does once it is loaded.
    gc.disable()

from stagewire.main import main

raise SystemExit(main("predictor"))
