"""The drill with real containers: killed one by one, by instance, and with their door."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.containers


@pytest.mark.usefixtures("engine")
def test_containers_die_and_every_request_has_an_answer_or_a_clean_error(drill):
    """Whichever dies, its instance is replaced; a killed door takes all of them with it."""
    report = drill("--driver=docker")

    assert list(report) == ["container", "instance", "door"]
    assert all(found["requests"] >= 1000 for found in report.values())
