from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewire_pipeline.split import FEWEST, split


@given(rows=st.integers(FEWEST, 3000), seed=st.integers(0, 2**32))
def test_every_row_is_in_exactly_one_part(rows, seed):
    """The parts are disjoint, complete, none empty, and training has the most."""
    parts = split(rows, seed=seed)

    joined = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(joined.tolist()) == list(range(rows))
    assert 3 <= len(parts.test) <= len(parts.train)
    assert len(parts.validation) == len(parts.test)


@given(seed=st.integers(0, 2**32))
def test_a_seed_decides_the_split(seed):
    """The same seed gives the same parts, another one others."""
    first, again, other = split(500, seed=seed), split(500, seed=seed), split(500, seed=seed + 1)

    assert first.test.tolist() == again.test.tolist()
    assert first.test.tolist() != other.test.tolist()


@given(
    labels=st.lists(st.sampled_from("aaaabc"), min_size=FEWEST, max_size=60),
    seed=st.integers(0, 99),
)
def test_every_class_that_is_watched_is_learned(labels, seed):
    """A rare class is moved from the rows to watch to those to learn; the held-out rows stay."""
    before = split(len(labels), seed=seed)

    after = before.covering(labels)

    assert {labels[i] for i in after.validation} <= {labels[i] for i in after.train}
    assert after.test.tolist() == before.test.tolist()
    kept = sorted([*after.train, *after.validation])
    assert kept == sorted([*before.train, *before.validation])


def test_too_few_rows_are_refused():
    """Fewer rows than give three held-out ones are refused with both numbers."""
    with pytest.raises(ValueError, match=f"19 rows.*{FEWEST}"):
        split(FEWEST - 1, seed=0)
