"""Holds docs/fidelity.md to what it says of itself: the tests that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "fidelity.md"
# Where a name of the page may be: it says so above its tables.
FOLDERS = (TESTS / "local", TESTS / "local" / "client", TESTS / "containers" / "docker_driver")
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and line.count("|") > 5
]
# Nothing that a test could see: a privilege that is not asked for, a limit that is not enforced, and
# a window that other tests hold already.
WITHOUT = ("Privileged mode", "Socket accepted within 250 ms", "3 minutes to pass `/ping`")


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:50] for row in ROWS])
def test_a_row_names_tests_that_are_there(row):
    """A rule without a test is a promise."""
    if row[-1] in {"test", "---"}:
        return

    named = re.findall(r"`([^`]+\.py)`", row[-1])

    assert named or row[0] in WITHOUT
    for name in named:
        places = [folder / name for folder in FOLDERS]
        places += [TESTS / name, TESTS.parent / name]
        assert any(place.is_file() for place in places), f"there is no {name}"
