"""InvokeEndpointWithResponseStream: unmodified boto3 reads what containers send, while they send it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing

import pytest
from botocore.exceptions import EventStreamError

from stagewire_local.limits import Limits


class Pieces:
    """A container's answer in pieces, each sent only when the test has let it go."""

    def __init__(self, *pieces, status=200, cut=False, content_type=b"text/plain"):
        self.pieces = pieces
        self.status = status
        self.cut = cut
        self.content_type = content_type
        self.gates = [threading.Event() for _ in pieces]
        self.left = threading.Event()

    async def __call__(self, receive, send):
        """Answer, waiting at each gate, and note when the caller leaves."""
        headers = [(b"content-type", self.content_type)]
        if self.cut:
            headers.append((b"content-length", b"1000"))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        leaving = asyncio.create_task(receive())
        leaving.add_done_callback(lambda _: self.left.set())
        for gate, piece in zip(self.gates, self.pieces, strict=True):
            await asyncio.to_thread(gate.wait, 30)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        leaving.cancel()
        if not self.cut:
            await send({"type": "http.response.body", "body": b""})

    def open(self):
        """Let everything go."""
        for gate in self.gates:
            gate.set()


def chunks(response):
    """Read the parts of a stream; boto3 closes it only when it ends well."""
    with closing(response["Body"]) as body:
        for event in body:
            yield event["PayloadPart"]["Bytes"]


def test_a_piece_arrives_before_the_next_is_sent(box, plan, runtime, stub):
    """The stream is incremental through the door: the second piece waits for the first's reader."""
    pieces = Pieces(b"one", b"two")
    url = box(plan(stub(behave=pieces))).url
    pieces.gates[0].set()

    response = runtime(url).invoke_endpoint_with_response_stream(EndpointName="pipe", Body=b"x")
    read = chunks(response)
    first = next(read)
    pieces.gates[1].set()

    assert first == b"one"
    assert b"".join(read) == b"two"
    assert response["ContentType"] == "text/plain"
    assert response["InvokedProductionVariant"] == "AllTraffic"


def test_the_stream_comes_from_the_last_container_of_a_pipeline(box, plan, runtime, stub):
    """The first is asked as ever, with the caller's type; the accept reaches the last only."""
    one = stub(content_type="application/x-hop")
    two = stub(headers={"X-Amzn-SageMaker-Custom-Attributes": "out"})
    url = box(plan(one, two)).url

    response = runtime(url).invoke_endpoint_with_response_stream(
        EndpointName="pipe",
        Body=b"x",
        ContentType="text/csv",
        Accept="application/jsonlines",
        CustomAttributes="in",
    )

    assert b"".join(chunks(response)) == b"x>>"
    assert response["CustomAttributes"] == "out"
    assert (one.got("content-type"), one.got("accept")) == ("text/csv", None)
    assert two.got("content-type") == "application/x-hop"
    assert two.got("accept") == "application/jsonlines"
    assert two.got("x-amzn-sagemaker-custom-attributes") == "in"


@pytest.mark.parametrize("place", [0, 1])
def test_an_error_before_the_stream_is_a_model_error(box, plan, runtime, stub, place):
    """Whichever container says it, the status is still free to be 424."""
    each = [stub(), stub()]
    each[place].status, each[place].body = 422, b"row 3"
    found = box(plan(*each))
    client = runtime(found.url)

    with pytest.raises(client.exceptions.ModelError) as caught:
        client.invoke_endpoint_with_response_stream(EndpointName="pipe", Body=b"x")

    assert caught.value.response["OriginalStatusCode"] == 422
    assert caught.value.response["OriginalMessage"] == "row 3"
    assert f"container-{place + 1}" in caught.value.response["Error"]["Message"]
    assert found.registry.find("pipe").errors == 1


def test_a_lost_connection_in_mid_stream_is_a_model_stream_error(box, plan, runtime, stub):
    """What came before it was delivered, and the end is no silent truncation."""
    pieces = Pieces(b"one", cut=True)
    pieces.open()
    found = box(plan(stub(behave=pieces)))

    response = runtime(found.url).invoke_endpoint_with_response_stream(
        EndpointName="pipe", Body=b"x"
    )
    read = chunks(response)
    first = next(read)
    with pytest.raises(EventStreamError, match="ModelStreamError") as caught:
        next(read)

    assert first == b"one"
    assert "The connection to container primary was closed" in str(caught.value)
    assert found.registry.find("pipe").errors == 1


def test_a_stream_that_takes_too_long_is_a_model_stream_error(box, plan, runtime, stub):
    """The platform gives 8 minutes; the error names the container."""
    pieces = Pieces(b"one", b"never")
    pieces.gates[0].set()
    url = box(plan(stub(behave=pieces)), limits=Limits(start_seconds=20, stream_seconds=2)).url

    response = runtime(url).invoke_endpoint_with_response_stream(EndpointName="pipe", Body=b"x")
    read = chunks(response)
    first = next(read)
    with pytest.raises(EventStreamError, match=r"timed out while waiting for .* container primary"):
        next(read)
    pieces.open()

    assert first == b"one"


def test_no_answer_in_time_is_a_model_error_while_nothing_has_begun(box, plan, runtime, stub):
    """Before the head of the answer the error is that of InvokeEndpoint."""
    late = threading.Event()

    async def wait(receive, send):
        await asyncio.to_thread(late.wait, 30)

    url = box(plan(stub(behave=wait)), limits=Limits(start_seconds=20, stream_seconds=0.2)).url
    client = runtime(url)

    with pytest.raises(client.exceptions.ModelError) as caught:
        client.invoke_endpoint_with_response_stream(EndpointName="pipe", Body=b"x")
    late.set()

    assert caught.value.response["OriginalStatusCode"] == 0


def test_a_caller_that_leaves_ends_the_containers_work(box, plan, runtime, stub):
    """The door hangs up on the container when nobody listens any more."""
    pieces = Pieces(b"one", b"never")
    pieces.gates[0].set()
    url = box(plan(stub(behave=pieces))).url

    response = runtime(url).invoke_endpoint_with_response_stream(EndpointName="pipe", Body=b"x")
    read = chunks(response)
    next(read)
    read.close()

    assert pieces.left.wait(30)
    pieces.open()


def test_a_large_answer_arrives_whole(box, plan, runtime, stub):
    """More than one frame can hold: pieces are split and merged, bytes are not."""
    body = bytes(range(256)) * 16 * 1024
    url = box(plan(stub(body=body))).url

    response = runtime(url).invoke_endpoint_with_response_stream(EndpointName="pipe", Body=b"x")

    assert b"".join(chunks(response)) == body


def test_a_session_cannot_begin_with_a_stream(box, plan, client, stub):
    """The API says that sessions are begun by InvokeEndpoint."""
    url = box(plan(stub())).url

    response = client.post(
        f"{url}/endpoints/pipe/invocations-response-stream",
        headers={"X-Amzn-SageMaker-Session-Id": "NEW_SESSION"},
    )

    assert response.status_code == 400
    assert response.headers["x-amzn-errortype"] == "ValidationError"
