"""The drill's verdict, which its exit status is."""

from __future__ import annotations

import pytest
from drill import sound

GOOD = {"answer": 900, "ModelError": 60, "ServiceUnavailable": 40}


@pytest.mark.parametrize("name", ["container", "instance"])
@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (GOOD, True),
        ({"answer": 1000}, True),
        ({**GOOD, "wrong": 1}, False),
        ({**GOOD, "hung": 1}, False),
        ({**GOOD, "connection": 1}, False),
        ({**GOOD, "unclean 500 None": 1}, False),
        ({"answer": 500, "ModelError": 500}, False),
        ({"ServiceUnavailable": 1000}, False),
    ],
)
def test_most_requests_are_answered_and_the_others_cleanly_refused(name, seen, wanted):
    """While containers die nobody hangs, loses the door, or gets what is not his."""
    assert sound(name, {"requests": 1000, "seen": seen}) is wanted


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        ({**GOOD, "connection": 64}, True),
        ({"connection": 1000}, True),
        (GOOD, False),
        ({**GOOD, "connection": 64, "wrong": 1}, False),
        ({**GOOD, "connection": 64, "hung": 1}, False),
    ],
)
def test_a_killed_door_is_seen_as_a_lost_connection(seen, wanted):
    """By whoever asked; an answer that is not his is none of a dead door's excuses."""
    assert sound("door", {"requests": 1000, "seen": seen}) is wanted
