"""Few rows go to the plan and many to XGBoost, which is loaded when many first arrive."""

from __future__ import annotations

import logging
from threading import Lock, Thread
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from predictor.engine import Engine
    from predictor.plan import Plan

    Scorer = Callable[[NDArray[np.float32]], NDArray[np.float32]]

# With 200 to 600 trees the plan was never slower up to this many rows, and at 32 rows 2.6 times as
# fast (bench/predictor_plan.py): below it XGBoost is not worth its second and 175 MiB.
ROWS: Final = 256
# Numbers of rows at which the plan is compared with XGBoost, once that is loaded.
SIZES: Final = (32, 64, 128, 256, 512, 1024)
# The plan serves up to this many rows whatever the calibration says, which may have run under load: at
# 32 the plan was 2.6 times as fast, and for one row XGBoost takes 200 us.
FLOOR: Final = SIZES[0]
# Each size is timed this often and the fastest counts: noise only adds time.
REPEATS: Final = 5

_log = logging.getLogger(__name__)


class Both:
    """The two ways to the same bits; `rows` is the largest batch that the plan is faster at.

    The first larger batch still goes through the plan while a thread imports XGBoost, so no request
    waits a second for that. Then a short calibration, on the machine that serves, moves `rows` to
    where the two really cross.
    """

    def __init__(
        self,
        plan: Plan,
        engine: Engine,
        *,
        rows: int = ROWS,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.plan = plan
        self.clock = clock
        self.engine = engine
        self.rows = rows
        self._lock = Lock()
        self._thread: Thread | None = None

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return XGBoost's numbers, float32, shape (rows,) or (rows, classes)."""
        if len(features) <= self.rows:
            return self.plan(features)
        if self.engine.ready:
            return self.engine(features)
        self.warm()
        return self.plan(features)

    def warm(self) -> Thread:
        """Begin to load XGBoost, once; the thread ends when it is loaded and calibrated."""
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._load, name="xgboost")
                self._thread.start()
            return self._thread

    def _load(self) -> None:
        try:
            _ = self.engine.booster
        except Exception:  # noqa: BLE001 (the plan serves all sizes; the log says what is wrong)
            _log.exception("XGBoost cannot be loaded; the plan serves all requests")
            return
        width = len(self.plan.signature.names)
        self.rows = max(FLOOR, crossover(self.plan, self.engine, width, clock=self.clock))
        _log.info("xgboost loaded", extra={"fields": {"crossover": self.rows}})


def crossover(
    plan: Scorer, engine: Scorer, width: int, *, clock: Callable[[], float] = perf_counter
) -> int:
    """Return the largest size at which the plan is no slower, 0 if there is none.

    One size that looks slower may be another thread's work; two in a row end the search.
    """

    def time(scorer: Scorer, features: NDArray[np.float32]) -> float:
        start = clock()
        scorer(features)
        return clock() - start

    # Which way rows go matters little to either; the seed only makes it the same each time.
    sample = np.random.default_rng(0).normal(size=(SIZES[-1], width)).astype(np.float32)
    found = slower = 0
    for size in SIZES:
        rows = sample[:size]
        times = [(time(plan, rows), time(engine, rows)) for _ in range(REPEATS)]
        own, other = (min(each) for each in zip(*times, strict=True))
        if own <= other:
            found, slower = size, 0
        else:
            slower += 1
        if slower == 2:  # noqa: PLR2004 (two in a row)
            break
    return found
