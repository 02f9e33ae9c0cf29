"""Response streams by an unmodified boto3: as they come, and what ends them."""

from __future__ import annotations

import json
from itertools import count

import pytest
from botocore.exceptions import ClientError, EventStreamError

GATES = count(1)


@pytest.fixture
def stream(mode):
    """Give a function that opens a stream and returns the response and its pieces."""
    opened = []

    def begin(machine, **orders):
        answer = machine.client("sagemaker-runtime", mode).invoke_endpoint_with_response_stream(
            EndpointName="pipe", Body=b"x", CustomAttributes=json.dumps(orders)
        )
        opened.append(answer["Body"])
        return answer, (event["PayloadPart"]["Bytes"] for event in answer["Body"])

    yield begin
    for each in opened:
        each.close()


@pytest.fixture
def gate():
    """Name gates that no other test has."""
    return f"stream-{next(GATES)}"


def test_each_piece_arrives_when_it_is_sent(pipe, stream, direct, gate):
    """The container waits between them until the caller has read the one before."""
    answer, pieces = stream(pipe, b={"pieces": ["one", "two", "three"], "gate": gate})
    last = pipe.urls("pipe")[1]

    first = next(pieces)
    direct(last, {"open": f"{gate}-1"}, name="b")
    second = next(pieces)
    direct(last, {"open": f"{gate}-2"}, name="b")
    third = next(pieces)

    assert (first, second, third) == (b"one", b"two", b"three")
    assert list(pieces) == []
    assert answer["ContentType"] == "text/event-stream"
    assert answer["InvokedProductionVariant"] == "v1"


def test_the_containers_before_the_last_answer_at_once(pipe, stream):
    """Their whole answers are the next requests, as without a stream."""
    _, pieces = stream(pipe)

    last = json.loads(b"".join(pieces))

    assert (last["name"], json.loads(last["body"])["name"]) == ("b", "a")


def test_a_stream_that_breaks_off_is_a_model_stream_error(pipe, stream, direct, gate):
    """What came before it was delivered; the end is no silent truncation."""
    _, pieces = stream(pipe, b={"pieces": ["one"], "gate": gate, "cut": True})

    first = next(pieces)
    direct(pipe.urls("pipe")[1], {"open": f"{gate}-cut"}, name="b")
    with pytest.raises(EventStreamError, match="ModelStreamError") as caught:
        next(pieces)

    assert first == b"one"
    assert "The connection to container container-2 was closed" in str(caught.value)


def test_a_stream_that_takes_too_long_is_a_model_stream_error(hasty_pipe, stream, gate):
    """In the words of a time-out."""
    _, pieces = stream(hasty_pipe, b={"pieces": ["one"], "gate": gate, "hang": True})

    first = next(pieces)
    with pytest.raises(EventStreamError, match=r"timed out while waiting .* container-2"):
        next(pieces)

    assert first == b"one"


@pytest.mark.parametrize("name", ["a", "b"])
def test_an_error_before_the_first_byte_is_a_model_error(pipe, stream, name):
    """That of InvokeEndpoint, with its members."""
    with pytest.raises(ClientError) as caught:
        stream(pipe, **{name: {"status": 422, "body": "row 3"}})

    error = caught.value.response
    assert error["Error"]["Code"] == "ModelError"
    assert (error["OriginalStatusCode"], error["OriginalMessage"]) == (422, "row 3")
