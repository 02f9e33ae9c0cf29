"""What a person reads after a training."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from stagewire_pipeline import show
from stagewire_pipeline.kinds import Kinds
from stagewire_pipeline.training import Outcome


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        (Kinds(("a", "b"), ("c",)), "Predicts y from numbers: a, b; words: c"),
        (Kinds((), ("c",)), "Predicts y from words: c"),
        # By `--set featurizer.numeric=…`: the stage knows them, and this program does not.
        (Kinds((), ()), "Predicts y"),
    ],
)
def test_what_is_learned_from_is_told_as_far_as_it_is_known(kinds, told):
    """No sentence breaks off."""
    console = Console(file=StringIO())

    show.outcome(console, Outcome("y", kinds, {}))

    assert console.file.getvalue().splitlines()[0] == told
