"""Whether rows of several requests may be computed together: no answer may depend on the other rows."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from stagewire import golden
from stagewire.script import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stagewire.settings import Settings
    from stagewire.stage import Stage
    from stagewire.table import Table

# Odd sizes and some beyond the width of any vector register or block of a matrix product, which is
# what makes a row's last bit depend on its place.
SIZES = (2, 3, 5, 8, 17, 64)
# Enough rows to tell what each of them adds, in a tenth of a second.
SAMPLE, REPEATS = 256, 3


def objection(stage: Stage, settings: Settings) -> str | None:
    """Say why requests are not batched, None when they are.

    It takes all of: the deployment allows it, a call costs too much for the event loop, the model
    says that its rows are independent (`rowwise`), and the golden rows prove it to the bit.
    """
    if not (settings.batch_rows and settings.batch_seconds):
        return "switched off by STAGEWIRE_BATCH_ROWS or STAGEWIRE_BATCH_SECONDS"
    if stage.script.user or not stage.script.takes_table:
        return "a user's functions may look across rows"
    if stage.inline_bytes:
        return "a request alone costs less than a batch would save"
    if not getattr(stage.model, "rowwise", False):
        return "the model does not say that its rows are independent"
    if not (stage.manifest and stage.manifest.golden and stage.input):
        return "there are no golden rows to prove it with"
    return _difference(stage, golden.inputs(stage.manifest.golden, stage.input))


def bound(stage: Stage, settings: Settings, *, clock: Callable[[], float] = perf_counter) -> int:
    """Return how many rows a batch may hold so that it takes no more than the deployment allows.

    That is `batch_seconds` more than one row takes; found by a short calibration.
    """
    if not (stage.manifest and stage.input):
        return settings.batch_rows
    rows = golden.inputs(stage.manifest.golden, stage.input)

    def time(size: int) -> float:
        data = _taken(rows, [place % rows.rows for place in range(size)])
        start = clock()
        stage.predict(data, Context("", "batch"))
        return clock() - start

    # The fastest of each: noise only adds time.
    one, many = (min(time(size) for _ in range(REPEATS)) for size in (1, SAMPLE))
    each = max((many - one) / SAMPLE, 1e-9)
    return max(1, min(settings.batch_rows, int(settings.batch_seconds / each)))


def _difference(stage: Stage, rows: Table) -> str | None:
    """Compute rows alone and together, and say where a bit differs."""
    try:
        alone = [_bits(stage, rows, [row])[0] for row in range(rows.rows)]
        for size in SIZES:
            places = [place % rows.rows for place in range(size)]
            if _bits(stage, rows, places) != [alone[place] for place in places]:
                return f"a row's result depends on the {size} rows it is computed with"
    except Exception as error:  # noqa: BLE001 (whatever it is, it speaks against batches)
        return f"the golden rows cannot be computed one by one: {type(error).__name__}: {error}"
    return None


def _bits(stage: Stage, rows: Table, places: Sequence[int]) -> list[tuple[object, ...]]:
    """Return each row's results, floats as their bytes: zeros have signs, and NaN equals itself."""
    found = stage.predict(_taken(rows, places), Context("", "batch")).columns
    values = [
        column.tolist()
        if column.numpy().dtype.kind == "O"
        else [value.tobytes() for value in column.numpy()]
        for column in found
    ]
    return list(zip(*values, strict=True))


def _taken(rows: Table, places: Sequence[int]) -> Table:
    columns = tuple(replace(c, values=c.numpy()[np.array(places)]) for c in rows.columns)
    return replace(rows, columns=columns, rows=len(places), block=None)
