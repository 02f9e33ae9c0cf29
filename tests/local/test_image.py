"""Names of images: where one is looked for, and which label it needs."""

from __future__ import annotations

import pytest

from stagewire_local.image import BIND_TO_PORT, candidates, missing_label

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (f"{ECR}/team/x:1", [f"{ECR}/team/x:1", "team/x:1"]),
        (f"{ECR}.cn/x:1", [f"{ECR}.cn/x:1", "x:1", "stagewire/x:1"]),
        (f"{ECR}/t/x@sha256:ab", [f"{ECR}/t/x@sha256:ab", "t/x@sha256:ab", "t/x"]),
        ("featurizer", ["featurizer", "stagewire/featurizer"]),
        ("team/x", ["team/x"]),
        ("ghcr.example/team/x:2", ["ghcr.example/team/x:2"]),
    ],
)
def test_an_image_is_looked_for_under_its_own_name_first(image, expected):
    """Then without ECR's registry, then among our own; another registry's name stays as it is."""
    assert candidates(image) == expected


def test_what_was_pushed_from_here_is_looked_for_first():
    """The recorded name is exactly what was pushed."""
    pushed = {f"{ECR}/x:1": "sha256:abc"}

    assert candidates(f"{ECR}/x:1", pushed=pushed)[0] == "sha256:abc"


@pytest.mark.parametrize("labels", [{}, {BIND_TO_PORT: "false"}, {"other": "true"}])
def test_an_image_without_the_label_is_refused_in_the_platforms_words(labels):
    """The label's value must be true."""
    assert missing_label("x:1", labels) == (
        "Your Ecr Image x:1 does not contain required "
        "com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true Docker label(s)."
    )


def test_an_image_with_the_label_passes():
    """Nothing is missing then."""
    assert missing_label("x:1", {BIND_TO_PORT: "true"}) is None
