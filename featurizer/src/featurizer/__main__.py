"""`python -m featurizer serve|train|compile`, the same program that the image runs."""

from __future__ import annotations

import gc
import os
import sys

if sys.argv[1:2] == ["serve"]:
    # Set before NumPy is imported, and so before anything of stagewire: OpenBLAS would start a thread
    # a CPU, a fifth of a start's time and a third of its CPU, to multiply matrices that no plan has.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # What imports create stays, and looking for garbage in it took 6 ms. The service does it once, when
    # the stage is loaded, and enables it again.
    gc.disable()

from stagewire.main import main

raise SystemExit(main("featurizer"))
