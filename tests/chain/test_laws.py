"""The chain is the composition of its stages, for any rows and however they are grouped."""

from __future__ import annotations

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from stagewire.errors import CallerError
from stagewire.script import Context

FLOATS = st.floats(min_value=0, max_value=10, width=32)
ROWS = st.lists(
    st.tuples(st.sampled_from(["M", "F", "I", "other", ""]), *[st.one_of(FLOATS, st.none())] * 7),
    min_size=1,
    max_size=40,
)


def chain(stages, body, kind, accept=None):
    """Send a body through both stages, as the platform hands it on."""
    featurizer, predictor = stages
    features, hop = featurizer.answer(body, kind, None, Context("model", "law"))
    return predictor.answer(features, hop, accept, Context("model", "law"))[0]


def lines(rows):
    """Write rows as CSV."""
    return "\n".join(",".join("" if v is None else str(v) for v in row) for row in rows).encode()


@given(rows=ROWS)
def test_a_batch_is_its_rows(stages, rows):
    """A row gets the same bits in a batch of any size."""
    together = chain(stages, lines(rows), "text/csv")

    assert together == b"".join(chain(stages, lines([row]), "text/csv") for row in rows)


@given(rows=ROWS)
def test_a_csv_hop_gives_what_the_binary_hop_gives(stages, rows):
    """The hop's format carries features; it does not change them."""
    featurizer, predictor = stages
    features, kind = featurizer.answer(lines(rows), "text/csv", "text/csv", Context("model"))

    found = predictor.answer(features, kind, None, Context("model"))[0]

    assert found == chain(stages, lines(rows), "text/csv")


@given(rows=ROWS)
def test_json_and_csv_say_the_same(stages, rows):
    """A value is a value in every format; missing is missing."""
    body = json.dumps(
        {"instances": [[v if v != "" else None for v in row] for row in rows]}
    ).encode()

    assert chain(stages, body, "application/json", "text/csv") == chain(
        stages, lines(rows), "text/csv"
    )


@given(
    body=st.binary(max_size=200),
    kind=st.sampled_from(["text/csv", "application/json", "application/x-npy"]),
)
def test_any_bytes_get_an_answer_or_a_refusal(stages, body, kind):
    """Never a 500: whatever comes is a value or the caller's error."""
    with contextlib.suppress(CallerError):
        assert isinstance(chain(stages, body, kind), bytes)
