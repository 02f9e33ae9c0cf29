"""What a door keeps on disk while it runs: nothing that no container needs any more."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from stagewire_local.driver import ContainerSpec, Form
from stagewire_local.fixed import FixedDriver
from stagewire_local.fleet import Fleet
from stagewire_local.ports import Ports
from stagewire_local.process import ProcessDriver
from stagewire_local.source import Source

pytestmark = pytest.mark.anyio


class Bucket:
    """S3 with one object, as boto3's client shows it."""

    threads = None

    def of(self, _service):
        """Return the client."""
        return self

    def head_object(self, **_where):
        """Describe the object."""
        return {"ETag": '"1"', "ContentLength": 4}

    def download_file(self, _bucket, _key, path):
        """Write the object to a file."""
        with open(path, "wb") as file:  # noqa: PTH123 (boto3 takes a string)
            file.write(b"data")


class Reading(FixedDriver):
    """Takes its model data in only when a test lets it; tells what was there."""

    def __init__(self):
        self.gate = asyncio.Event()
        self.both = asyncio.Barrier(3)
        self.seen = []

    async def start(self, spec):
        """Read the model data."""
        await self.both.wait()
        await self.gate.wait()
        self.seen.append(spec.model_data.read_bytes())
        return await super().start(spec)


async def test_model_data_is_on_disk_for_as_long_as_a_container_takes_it_in(tmp_path):
    """Two containers of one model share it; afterwards it is gone, and a restart brings it anew."""
    driver, data = Reading(), tmp_path / "data"
    fleet = Fleet(FixedDriver(), fixed=driver, source=Source(data, clients=Bucket()))
    spec = ContainerSpec(
        hostname="primary",
        image="http://127.0.0.1:1",
        model_url="s3://bucket/m.tar.gz",
        model_form=Form.ARCHIVE,
    )

    starting = [asyncio.create_task(fleet.start(spec)) for _ in range(2)]
    await driver.both.wait()
    during = len(list(data.iterdir()))
    driver.gate.set()
    await asyncio.gather(*starting)

    assert during == 1
    assert driver.seen == [b"data"] * 2
    assert list(data.iterdir()) == []


async def test_a_start_that_is_cancelled_leaves_no_half_unpacked_model(archive, tmp_path):
    """The thread that unpacks cannot be cancelled, so its end is awaited."""
    whole, fifo = archive("m.tar.gz", {"model.bin": b"1"}), tmp_path / "fifo"
    os.mkfifo(fifo)
    root = tmp_path / "door"
    driver = ProcessDriver(root, ports=Ports(), environ={}, modules={"stub": "stub_stage"})
    spec = ContainerSpec(hostname="primary", image="stub", model_data=fifo)

    starting = asyncio.create_task(driver.start(spec))
    while not root.exists() or not any(root.iterdir()):  # noqa: ASYNC110 (told nowhere)
        await asyncio.sleep(0.005)
    starting.cancel()
    writer = threading.Thread(target=lambda: fifo.write_bytes(whole.read_bytes()))
    writer.start()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await asyncio.to_thread(writer.join)
    await driver.close()

    assert list(root.iterdir()) == []
