"""What a stage answers when the deployment says that another stage of ours comes next."""

from __future__ import annotations

import pyarrow as pa
import pytest

from stagewire import loading, settings
from stagewire.script import Context

OPEN = pytest.mark.parametrize("accept", [{}, {"accept": "*/*"}, {"accept": "application/json"}])


@pytest.fixture(scope="module")
def hopping(bases):
    """A featurizer that is not last, as the door starts it."""
    environ = {"SAGEMAKER_BASE_DIR": str(bases["featurizer"]), "STAGEWIRE_HOP": "auto"}
    return loading.load("featurizer", settings.read(environ))


def answer(stage, body, kind="text/csv", accept=None):
    """Invoke a stage in this process."""
    return stage.answer(body.encode(), kind, accept, Context("model", "hop-1"))


def line(samples):
    """A row that the featurizer takes."""
    return ",".join("" if value is None else str(value) for value in samples["featurizer"][1][0])


@OPEN
def test_features_alone_go_as_float32_npy(hopping, samples, accept):
    """Whatever the platform sends as Accept, and with the request's options in parameters."""
    body, kind = answer(hopping, line(samples), accept=accept.get("accept"))

    assert kind == "application/x-npy; sw-id=hop-1; sw-origin=csv; sw-bad-rows=fail"
    assert b"'<f4'" in body


@OPEN
def test_named_rows_go_as_arrow_with_their_columns(hopping, samples, accept):
    """Columns ride along beside the features, each with its role."""
    header = ",".join(samples["featurizer"][0])
    body, kind = answer(hopping, f"id,{header}\n007,{line(samples)}", accept=accept.get("accept"))

    table = pa.ipc.open_stream(body).read_all()
    roles = {table.schema.field(i).metadata[b"sw-role"] for i in range(table.num_columns)}
    assert kind == "application/vnd.apache.arrow.stream"
    assert roles == {b"carried", b"feature"}
    assert table.column("id").to_pylist() == ["007"]
    assert table.schema.metadata[b"sw-origin"] == b"csv-header"


def test_explicit_csv_is_obeyed_and_carries_no_options(hopping, samples):
    """A stage that is not ours compares content types as strings: nothing may stand beside text/csv."""
    body, kind = answer(hopping, line(samples), accept="text/csv")

    assert kind == "text/csv"
    assert len(body.split(b",")) > 1


def test_a_deployments_default_accept_wins_over_the_hop(bases, samples):
    """AWS's own remedy for a chain, SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT, still works."""
    environ = {
        "SAGEMAKER_BASE_DIR": str(bases["featurizer"]),
        "STAGEWIRE_HOP": "auto",
        "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
    }
    stage = loading.load("featurizer", settings.read(environ))

    assert {
        answer(stage, line(samples), accept=a)[1] for a in (None, "*/*", "application/json")
    } == {"text/csv"}
