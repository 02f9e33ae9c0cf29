"""The log of a door in the background keeps to a size."""

from __future__ import annotations

import logging
from contextlib import closing

from stagewire_local.bounded import Bounded


def test_the_oldest_lines_go_and_all_others_stay_whole(tmp_path):
    """Also where somebody else, as standard error does, appends to the file."""
    path = tmp_path / "door.log"
    with closing(Bounded(path, most=1000)) as handler, path.open("a") as other:
        for number in range(500):
            handler.emit(logging.makeLogRecord({"msg": f"line {number:04d}"}))
            assert path.stat().st_size <= 1000
        other.write("a traceback\n")

    *lines, last = path.read_text().splitlines()
    numbers = [int(line.removeprefix("line ")) for line in lines]
    assert last == "a traceback"
    assert numbers == list(range(numbers[0], 500))
    assert len(numbers) >= 40  # half of the file at least


def test_a_door_in_the_background_writes_its_lines_there(tmp_path):
    """Those before the start stay: it is opened to append."""
    path = tmp_path / "door.log"
    path.write_text("started\n")

    with closing(Bounded(path)) as handler:
        handler.emit(logging.makeLogRecord({"msg": "endpoint pipe is InService"}))

    assert path.read_text() == "started\nendpoint pipe is InService\n"
