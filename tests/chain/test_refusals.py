"""Wrong input at the door: the platform's error, with the stage's own words inside, and the chain goes on."""

from __future__ import annotations

import gzip
import json

import httpx
import pytest

ROW = b"M,0.455,0.365,0.095,0.514,0.2245,0.101,0.15"

# name -> (the stage's status, body, content type, headers)
WRONG = {
    "empty": (400, b"", "text/csv", {}),
    "header-only": (400, b"sex,length,diameter\n", "text/csv", {}),
    "seven-columns": (422, ROW.rpartition(b",")[0], "text/csv", {}),
    "ten-columns": (422, ROW + b",1,2", "text/csv", {}),
    "nul": (400, ROW + b"\0", "text/csv", {}),
    "gzip": (400, gzip.compress(ROW), "text/csv", {}),
    "unknown-type": (415, ROW, "application/x-unknown", {}),
    "latin-1": (400, b"\xe9" + ROW, "text/csv", {}),
    "json-shape": (400, b"[[1]]", "application/json", {}),
    "arrow": (400, b"ARROW1", "application/vnd.apache.arrow.stream", {}),
    "infinity": (422, ROW + b"\nM,inf,1,1,1,1,1,1", "text/csv", {}),
    "1e39": (422, b"M,1e39,1,1,1,1,1,1", "text/csv", {}),
    "text-in-a-number": (422, b"M,wide,1,1,1,1,1,1", "text/csv", {}),
    "image": (406, ROW, "text/csv", {"accept": "image/png"}),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_input_is_a_model_error_with_the_stages_body(door, wrong):
    """424, the stage's status, and its error shape as OriginalMessage, naming the container."""
    status, body, kind, headers = WRONG[wrong]

    answer = door.post(body, kind, **headers)

    found = answer.json()
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (424, "ModelError")
    assert found["OriginalStatusCode"] == status
    assert json.loads(found["OriginalMessage"])["error"]["message"]
    container = "container-2" if wrong == "image" else "container-1"
    assert f"client error ({status}) from {container}" in found["Message"]
    assert door.post(ROW).status_code == 200


def test_thirty_megabytes_are_refused_at_the_door(door):
    """What is over the platform's limit reaches no container."""
    answer = door.post(b"1" * 30_000_000)

    assert answer.status_code == 413
    assert answer.headers["x-amzn-errortype"] == "ValidationError"
    assert door.post(ROW).status_code == 200


def test_an_unknown_endpoint_is_a_validation_error(door):
    """With the platform's wording."""
    answer = httpx.post(f"{door.url}/endpoints/nobody/invocations", content=ROW)

    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (400, "ValidationError")
    assert "nobody" in answer.json()["Message"]
