from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from stagewire.codec import arrow
from stagewire.media import parse
from stagewire.offload import Offload, off_loop

pytestmark = pytest.mark.anyio
CSV = {"content-type": "text/csv"}
ARROW = parse("application/vnd.apache.arrow.stream")


@pytest.fixture
def slow(regressor):
    """A stage whose work proves long once it has begun; with the threads that it ran on."""
    threads: list[str] = []

    def predict(table, _model):
        threads.append(threading.current_thread().name)
        off_loop()
        return np.zeros(table.rows, np.float32)

    return replace(regressor, script=replace(regressor.script, predict_fn=predict)), threads


async def test_work_that_proves_long_is_done_in_the_pool(slow, served):
    """Begun on the loop, left there, and answered from a thread of the pool."""
    stage, threads = slow
    service, client = served(stage)

    found = await client.post("/invocations", content=b"1,2\n3,4\n", headers=CSV)

    assert (found.status_code, found.content) == (200, b"0.0\n0.0\n")
    assert threads[0] == threading.current_thread().name
    assert threads[1].startswith("stage")
    assert (service.metrics.queued, service.metrics.requests) == (0, {200: 1})


def stream(columns: int, rows: int) -> bytes:
    """Write columns of nulls, of which a million rows take a few hundred bytes."""
    table = pa.table({f"c{i}": pa.nulls(rows) for i in range(columns)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


async def test_many_cells_in_few_bytes_are_not_read_on_the_loop():
    """How long a stream of Arrow takes, its bytes do not say."""
    few, many = stream(2, 100), stream(2, arrow.CELLS_AT_ONCE)

    assert len(many) < 1000
    assert arrow.parse(few, ARROW, None).rows == 100
    with pytest.raises(Offload):
        arrow.parse(many, ARROW, None)
    found = await asyncio.to_thread(arrow.parse, many, ARROW, None)
    assert found.rows == arrow.CELLS_AT_ONCE


# In a process of its own, where nobody has imported pyarrow yet.
IMPORT = """
import asyncio, sys
import numpy as np
from stagewire.codec import arrow
from stagewire.offload import Offload
from stagewire.table import Column

async def main():
    columns = [Column("a", np.array([1.0]))]
    try:
        arrow.dump(columns)
    except Offload:
        print("offload", "pyarrow" in sys.modules)
    print(type(await asyncio.to_thread(arrow.dump, columns)).__name__)
    print(type(arrow.dump(columns)).__name__)

asyncio.run(main())
"""


def test_pyarrow_is_not_imported_on_the_loop():
    """The first who needs it leaves the loop; once it is there, few rows are written at once."""
    found = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True
    )

    assert found.stdout.split() == ["offload", "False", "bytes", "bytes"]


async def test_one_larger_body_a_turn_of_the_loop(regressor, served):
    """Small ones always, one larger one when nothing is in work; the next after others were heard."""
    service, _ = served(regressor)
    small, larger = service.inline_bytes, service.inline_bytes + 1

    first = [service.inline(size) for size in (small, larger, larger, small)]
    await asyncio.sleep(0)
    second = [service.inline(size) for size in (larger, larger)]
    await asyncio.sleep(0)
    service.metrics.queued = 1
    crowded = [service.inline(size) for size in (small, larger)]
    service.metrics.queued = 0
    too_large = service.inline(4 * small + 1)

    assert (first, second) == ([True, True, False, True], [True, False])
    assert (crowded, too_large) == ([True, False], False)


async def test_without_small_ones_there_are_no_larger_ones(regressor, served):
    """STAGEWIRE_INLINE_BYTES=0 keeps all work off the loop."""
    service, _ = served(regressor, inline_bytes=0)

    assert not service.inline(1)


def test_off_a_loop_all_work_goes_on():
    """Training, packaging and the pool's threads have no loop to hold."""
    big = arrow.parse(stream(2, arrow.CELLS_AT_ONCE), ARROW, None)

    assert big.rows == arrow.CELLS_AT_ONCE
