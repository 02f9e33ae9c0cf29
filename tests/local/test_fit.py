"""Archives behind each other: what one gives has to be what the next one takes."""

from __future__ import annotations

import json

import pytest

from stagewire_local.bundle import BundleError, served


@pytest.fixture
def pair(archive):
    """Give a function that writes two archives whose manifests name columns, and returns both."""

    def write(given, taken):
        return [made("a.tar.gz", "output", given), made("b.tar.gz", "input", taken)]

    def made(name, side, names):
        schema = {} if names is None else {side: {"fields": [{"name": each} for each in names]}}
        return archive(name, {"manifest.json": json.dumps({"stage": "x", **schema}).encode()})

    return write


@pytest.mark.parametrize(
    ("given", "taken", "words"),
    [
        pytest.param("y", "xy", "one column ('y')", id="order"),
        pytest.param("xy", "yx", "2 columns ('x', …)", id="names"),
    ],
)
def test_archives_that_do_not_fit_each_other_are_refused(pair, given, taken, words):
    """In the wrong order or of two trainings they would start, and fail at the first row."""
    one, two = pair(given, taken)

    with pytest.raises(BundleError) as caught:
        served(f"pipe={one},{two}", known=())

    assert str(caught.value).startswith(f"{one} gives {words}, and {two} behind it takes ")


@pytest.mark.parametrize(("given", "taken"), [("xy", "xy"), ("xy", None), (None, "xy")])
def test_archives_that_fit_or_tell_nothing_are_taken(pair, given, taken):
    """Somebody else's manifest need not name columns."""
    one, two = pair(given, taken)

    bundle = served(f"pipe={one},{two}", known=())

    assert [spec.model_data for spec in bundle.specs] == [one, two]
