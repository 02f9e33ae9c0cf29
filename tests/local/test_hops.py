"""The hop rules, seen by real containers behind a real door."""

from __future__ import annotations

import pytest

from stagewire_local.chain import HopAccept
from stagewire_local.limits import MIB, Limits

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


def invoke(client, url, body=b"x", **headers):
    """Send a request as the endpoint's caller."""
    lines = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(f"{url}/endpoints/pipe/invocations", content=body, headers=lines)


def test_containers_are_asked_in_order_with_the_answer_before_as_body(chained, client, stub):
    """Each container gets exactly the bytes that the one before it answered."""
    one, two, three = stub(), stub(), stub()
    url = chained(one, two, three)

    response = invoke(client, url, b"x")

    assert [each.seen[-1][3] for each in (one, two, three)] == [b"x", b"x>", b"x>>"]
    assert (response.status_code, response.content) == (200, b"x>>>")


def test_content_type_of_each_answer_travels_on_with_its_parameters(chained, client, stub):
    """The caller's type reaches the first container only; the last one's comes back."""
    one = stub(content_type="text/csv; charset=utf-8")
    two = stub(content_type="application/x-other")
    url = chained(one, two)

    response = invoke(client, url, Content_Type="application/json;x=1")

    assert one.got("content-type") == "application/json;x=1"
    assert two.got("content-type") == "text/csv; charset=utf-8"
    assert response.headers["content-type"] == "application/x-other"


def test_absent_content_types_stay_absent(chained, client, stub):
    """Neither the door nor its client library invents a type."""
    one, two = stub(content_type=None), stub(content_type=None)
    url = chained(one, two)

    response = invoke(client, url)

    assert one.got("content-type") is None
    assert two.got("content-type") is None
    assert "content-type" not in response.headers


def test_a_type_that_a_container_does_not_state_is_not_the_one_before(chained, client, stub):
    """What the caller sent says nothing of what the first container answered."""
    one, two = stub(content_type=None), stub(content_type=None)
    url = chained(one, two)

    response = invoke(client, url, Content_Type="text/csv")

    assert (one.got("content-type"), two.got("content-type")) == ("text/csv", None)
    assert "content-type" not in response.headers


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (HopAccept.ABSENT, None),
        (HopAccept.ANY, "*/*"),
        (HopAccept.JSON, "application/json"),
    ],
)
def test_accept_reaches_the_last_container_only(chained, client, stub, mode, expected):
    """Those before it get what the door is set to send."""
    one, two, three = stub(), stub(), stub()
    url = chained(one, two, three, hop_accept=mode)

    invoke(client, url, Accept="text/csv;q=0.5")

    assert one.got("accept") == expected
    assert two.got("accept") == expected
    assert three.got("accept") == "text/csv;q=0.5"


def test_an_accept_that_was_not_sent_is_not_invented(chained, client, stub):
    """The last container sees no Accept when the caller gave none, as with boto3."""
    one, two = stub(), stub()
    url = chained(one, two)

    invoke(client, url)

    assert one.got("accept") is None
    assert two.got("accept") is None


def test_custom_attributes_reach_all_containers_and_the_last_ones_come_back(chained, client, stub):
    """The value is forwarded verbatim; what an earlier container answers goes nowhere."""
    one, two = stub(headers={ATTRIBUTES: "first"}), stub(headers={ATTRIBUTES: "last"})
    url = chained(one, two)

    response = invoke(client, url, **{ATTRIBUTES: "c000b4f9; trace"})

    assert one.got(ATTRIBUTES) == "c000b4f9; trace"
    assert two.got(ATTRIBUTES) == "c000b4f9; trace"
    assert response.headers[ATTRIBUTES] == "last"


def test_containers_see_only_the_headers_of_the_platform(chained, client, stub):
    """The caller's other headers are stripped, and the client names itself as there."""
    one = stub()
    url = chained(one)

    invoke(client, url, Authorization="secret", X_Trace="1", Content_Type="text/csv")

    method, path, headers, _ = one.seen[-1]
    assert (method, path) == ("POST", "/invocations")
    assert set(headers) == {"host", "user-agent", "content-type", "content-length"}
    assert headers["user-agent"] == "AHC/2.0"


@pytest.mark.parametrize("status", [400, 415, 422, 500, 503])
def test_an_error_of_any_container_stops_the_pipeline_with_424(chained, client, stub, status):
    """The platform's shape names the container and keeps status and body of its answer."""
    one, two = stub(status=status, body=b'{"error": "row 3"}'), stub()
    url = chained(one, two)

    response = invoke(client, url)

    side = "client" if status < 500 else "server"
    fault = response.json()
    assert response.status_code == 424
    assert response.headers["x-amzn-errortype"] == "ModelError"
    assert response.headers["x-amzn-requestid"]
    assert fault["OriginalStatusCode"] == status
    assert fault["OriginalMessage"] == '{"error": "row 3"}'
    assert fault["Message"].startswith(
        f'Received {side} error ({status}) from container-1 with message "{{"error": "row 3"}}".'
        " See https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
    )
    assert fault["LogStreamArn"].endswith(":log-group:/aws/sagemaker/Endpoints/pipe")
    assert (
        fault["ErrorCode"]
        == {
            "client": "CLIENT_ERROR_FROM_MODEL",
            "server": "INTERNAL_FAILURE_FROM_MODEL",
        }[side]
    )
    assert two.seen == []


def test_an_error_that_is_no_text_is_quoted_all_the_same(chained, client, stub):
    """Whatever bytes a container fails with, the caller is told which one did, and how."""
    url = chained(stub(status=500, body=b"half \xff\xfe a word"))

    response = invoke(client, url)

    assert response.status_code == 424
    assert response.json()["OriginalMessage"] == "half \ufffd\ufffd a word"


def test_a_redirect_is_not_followed(chained, client, stub):
    """A 3xx is no answer: it is reported like an error of the container's server."""
    one, two = stub(status=302, headers={"Location": "http://127.0.0.1:9/"}), stub()
    url = chained(one, two)

    response = invoke(client, url)

    assert response.status_code == 424
    assert response.json()["OriginalStatusCode"] == 302


def test_a_204_travels_on_as_an_empty_body(chained, client, stub):
    """Any 2xx is an answer, and the caller gets 200."""
    one, two = stub(status=201, body=b""), stub()
    url = chained(one, two)

    response = invoke(client, url)

    assert two.seen[-1][3] == b""
    assert (response.status_code, response.content) == (200, b">")


def test_an_error_longer_than_the_platforms_maximum_keeps_its_ends(chained, client, stub):
    """Message and OriginalMessage stop at 2048 characters; the log group is still named."""
    url = chained(stub(status=500, body=b"e" * 5000))

    fault = invoke(client, url).json()

    assert len(fault["Message"]) == 2048
    assert fault["Message"].endswith("for more information.")
    assert fault["OriginalMessage"] == "e" * 2048


@pytest.mark.parametrize(("size", "status"), [(5 * MIB, 200), (5 * MIB + 1, 424)])
def test_a_hop_carries_5_mb(chained, client, stub, size, status):
    """The body from one container to the next is limited, and the message names both."""
    one, two = stub(body=bytes(size)), stub(body=b"ok")
    url = chained(one, two)

    response = invoke(client, url)

    assert response.status_code == status
    if status == 424:
        assert response.json()["Message"] == (
            "Received response from container-1 with status code 200. However, the request "
            f"payload from container-1 to container-2 is {size} bytes, which has exceeded the "
            "maximum limit of 5 MB."
        )
        assert two.seen == []


def test_the_callers_body_may_be_larger_than_a_hop(chained, client, stub):
    """5 MB bind what containers send to one another, not the request at the door."""
    one, two = stub(body=b"ok"), stub()
    url = chained(one, two)

    response = invoke(client, url, bytes(6 * MIB))

    assert response.status_code == 200
    assert len(one.seen[-1][3]) == 6 * MIB


def test_an_answer_larger_than_the_door_allows_is_a_model_error(chained, client, stub):
    """The last container's answer is limited like the request."""
    url = chained(stub(body=bytes(1001)), limits=Limits(body_bytes=1000))

    response = invoke(client, url)

    assert response.status_code == 424
    assert "1001 bytes" in response.json()["Message"]
    assert response.json()["Message"].endswith("exceeded the maximum limit of 1000 bytes.")


def test_a_container_that_answers_too_late_is_a_model_error_0(chained, client, stub):
    """The time-out speaks the platform's words; the stub waits until the door has hung up."""

    async def wait(receive, send):
        assert (await receive())["type"] == "http.disconnect"

    url = chained(stub(), stub(behave=wait), limits=Limits(reply_seconds=0.2))

    fault = invoke(client, url).json()

    assert fault["OriginalStatusCode"] == 0
    assert fault["Message"].startswith(
        'Received server error (0) from container-2 with message "Your invocation timed out '
        "while waiting for a response from container container-2. Review the latency metrics"
    )


def test_an_answer_that_breaks_off_is_a_model_error_0(chained, client, stub):
    """Half an answer is never passed on."""

    async def half(receive, send):
        lines = [(b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": lines})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ConnectionAbortedError

    one, two = stub(behave=half), stub()
    url = chained(one, two)

    response = invoke(client, url)

    assert response.status_code == 424
    assert response.json()["OriginalStatusCode"] == 0
    assert "container-1 was closed before" in response.json()["OriginalMessage"]
    assert two.seen == []


def test_a_body_of_any_bytes_arrives_unchanged(chained, client, stub):
    """Content types and bytes are opaque to the door."""
    body = bytes(range(256)) * 10
    one = stub(body=body)
    url = chained(one)

    response = invoke(client, url, body, Content_Type="application/x-npy; sw-id=1")

    assert one.seen[-1][3] == body
    assert response.content == body
