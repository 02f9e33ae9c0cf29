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
        pytest.param("xy", "xyz", "2 columns ('x', …)", id="more"),
    ],
)
def test_archives_that_do_not_fit_each_other_are_refused(pair, given, taken, words):
    """In the wrong order or of two trainings they would start, and fail at the first row."""
    one, two = pair(given, taken)

    with pytest.raises(BundleError) as caught:
        served(f"pipe={one},{two}", known=())

    assert str(caught.value).startswith(f"{one} gives {words}, and {two} behind it takes ")


def test_the_first_name_that_differs_is_told(pair):
    """Of two trainings on the same columns, most names are the same."""
    one, two = pair("xyz", "xzy")

    with pytest.raises(BundleError) as caught:
        served(f"pipe={one},{two}", known=())

    assert str(caught.value).startswith(
        f"{one} gives 'y', and {two} behind it takes 'z' in its place; the order is wrong"
    )


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        pytest.param("xy", "xy", id="same"),
        pytest.param("xy", None, id="nothing taken"),
        pytest.param(None, "xy", id="nothing given"),
        # A model fitted on an array, and a step that names no features: both know positions only.
        pytest.param("xy", ["f0", "f1"], id="numbers taken"),
        pytest.param(["f0", "f1"], "xy", id="numbers given"),
    ],
)
def test_archives_that_fit_or_tell_nothing_are_taken(pair, given, taken):
    """Somebody else's manifest need not name columns."""
    one, two = pair(given, taken)

    bundle = served(f"pipe={one},{two}", known=())

    assert [spec.model_data for spec in bundle.specs] == [one, two]


@pytest.mark.parametrize("content", [b"[]", b"<manifest/>"])
def test_a_manifest_of_somebody_elses_image_may_be_anything(pair, archive, content):
    """Where the image is named nothing is read from it, and the image knows what it means."""
    one, two = archive("own.tar.gz", {"manifest.json": content}), pair("x", "x")[1]

    bundle = served(f"pipe=other={one},{two}", known=())

    assert [spec.image for spec in bundle.specs] == ["other", "x"]
