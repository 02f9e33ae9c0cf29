"""What the tests of single containers share."""

from __future__ import annotations

import contextlib

import pytest

# A row of the data set, without its label.
ROW = "I,0.365,0.295,0.095,0.25,0.1075,0.0545,0.08"


@pytest.fixture
def row():
    """A row of abalone."""
    return ROW


@pytest.fixture
def box(boxes, request):
    """Start a container over a base directory; it ends with the test."""

    def begin(room, base, environ=None, **options):
        found = boxes(room, {"SAGEMAKER_BASE_DIR": base, **(environ or {})}, **options)
        request.addfinalizer(found.close)
        return found

    return begin


@pytest.fixture
def post():
    """Send rows to a container; returns the response."""

    def send(box, body, kind="text/csv"):
        return box.client.post("/invocations", content=body, headers={"Content-Type": kind})

    return send


@pytest.fixture
def volume(engine):
    """Make a named volume, removed at the end of the test."""
    made = []

    def make():
        made.append(engine.volumes.create(f"stagewire-test-{len(made)}-{id(made)}"))
        return made[-1].name

    yield make
    for each in made:
        with contextlib.suppress(Exception):
            each.remove(force=True)
