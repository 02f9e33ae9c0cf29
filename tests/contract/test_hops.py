"""The hop rules by an unmodified boto3: what containers see, what comes back, and in which words."""

from __future__ import annotations

import pytest

ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
MIB = 1024 * 1024
# What the client of the hops itself has to say.
PLAIN = {"host", "user-agent", "content-length", ATTRIBUTES}


def test_body_and_content_type_travel_from_container_to_container(call):
    """Each answer is the next request; the caller's type goes to the first one only."""
    a, b = call.seen(b"1,2", ContentType="text/csv; charset=utf-8")

    assert (a["name"], a["body"], a["headers"]["content-type"]) == (
        "a",
        "1,2",
        "text/csv; charset=utf-8",
    )
    assert (b["name"], b["headers"]["content-type"]) == ("b", "application/x-a; v=1")


def test_the_last_containers_type_and_the_variant_come_back(call):
    """And a request's id, as on AWS."""
    answer = call(b={"body": "done", "type": "text/plain"})

    assert (answer["Body"], answer["ContentType"]) == (b"done", "text/plain")
    assert answer["InvokedProductionVariant"] == "v1"
    assert answer["ResponseMetadata"]["RequestId"]


def test_accept_reaches_the_last_container_only(call):
    """The one before gets none, unless the door is told otherwise."""
    a, b = call.seen(Accept="text/csv;q=0.5")

    assert "accept" not in a["headers"]
    assert b["headers"]["accept"] == "text/csv;q=0.5"


def test_what_was_not_sent_is_not_invented(call):
    """boto3 sends neither type nor Accept unless it is told to; a container may name no type."""
    a, b = call.seen(a={"type": None})

    assert set(a["headers"]) == set(b["headers"]) == PLAIN
    assert a["headers"]["user-agent"] == "AHC/2.0"


def test_custom_attributes_reach_all_and_the_last_ones_come_back(call):
    """Verbatim; what an earlier container answers goes nowhere."""
    answer = call(
        a={"headers": {ATTRIBUTES: "first"}}, b={"headers": {ATTRIBUTES: "last"}, "body": ""}
    )

    assert answer["CustomAttributes"] == "last"


def test_the_inference_id_reaches_all_containers(call):
    """A caller finds it in each container's log."""
    a, b = call.seen(InferenceId="row 7")

    assert a["headers"]["x-amzn-sagemaker-inference-id"] == "row 7"
    assert b["headers"]["x-amzn-sagemaker-inference-id"] == "row 7"


def test_a_session_begins_goes_on_and_ends(call):
    """The container names it; the platform renames the header; what is closed is unknown."""
    begun = {"headers": {"X-Amzn-SageMaker-Session-Id": "s1; Expires=2999-01-01T00:00:00Z"}}
    ended = {"headers": {"X-Amzn-SageMaker-Closed-Session-Id": "s1"}}

    first = call(b=begun, SessionId="NEW_SESSION")
    _, second = call.seen(SessionId="s1")
    last = call(b=ended, SessionId="s1")
    after = call.error(SessionId="s1")

    assert first["NewSessionId"] == "s1; Expires=2999-01-01T00:00:00Z"
    assert second["headers"]["x-amzn-sagemaker-session-id"] == "s1"
    assert last["ClosedSessionId"] == "s1"
    assert after["Error"]["Code"] == "ValidationError"


def test_the_only_variant_may_be_named_and_no_other(call):
    """TargetVariant must exist."""
    answer = call(TargetVariant="v1")
    refused = call.error(TargetVariant="v2")

    assert answer["InvokedProductionVariant"] == "v1"
    assert refused["Error"]["Code"] == "ValidationError"
    assert "Variant v2 not found" in refused["Error"]["Message"]


@pytest.mark.parametrize(("name", "place"), [("a", 1), ("b", 2)])
@pytest.mark.parametrize("status", [302, 400, 422, 500, 503])
def test_a_containers_error_is_a_model_error_with_its_members(call, status, name, place):
    """It names the container and keeps its status and words; nobody is asked twice or after it."""
    _, before = call.seen()

    error = call.error(**{name: {"status": status, "body": '{"error": "row 3"}'}})

    _, after = call.seen()
    side = "client" if 400 <= status < 500 else "server"
    assert error["Error"]["Code"] == "ModelError"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (error["OriginalStatusCode"], error["OriginalMessage"]) == (
        status,
        '{"error": "row 3"}',
    )
    assert error["LogStreamArn"].endswith(":log-group:/aws/sagemaker/Endpoints/pipe")
    assert f"Received {side} error ({status}) from container-{place}" in error["Error"]["Message"]
    assert after["served"] - before["served"] == place


def test_the_clients_own_exception_catches_a_model_error(pipe, mode):
    """As in everybody's except clause."""
    runtime = pipe.client("sagemaker-runtime", mode)

    with pytest.raises(runtime.exceptions.ModelError):
        runtime.invoke_endpoint(
            EndpointName="pipe", Body=b"x", CustomAttributes='{"a": {"status": 415}}'
        )


def test_a_container_that_answers_too_late_is_a_model_error_0(hasty_pipe, caller):
    """In the platform's words."""
    error = caller(hasty_pipe).error(b={"hang": True})

    assert error["Error"]["Code"] == "ModelError"
    assert error["OriginalStatusCode"] == 0
    assert error["OriginalMessage"].startswith(
        "Your invocation timed out while waiting for a response from container container-2."
    )


def test_an_answer_that_breaks_off_is_a_model_error_0(call, pipe, direct):
    """Half an answer is never passed on."""
    direct(pipe.urls("pipe")[0], {"open": "broken-cut"})

    error = call.error(a={"pieces": ["half"], "gate": "broken", "cut": True})

    assert error["OriginalStatusCode"] == 0
    assert "container-1 was closed before its response was complete" in error["OriginalMessage"]


def test_a_hop_carries_5_mb_and_no_byte_more(call):
    """The message names both containers and the size."""
    _, b = call.seen(a={"size": 5 * MIB})
    error = call.error(a={"size": 5 * MIB + 1})

    assert b["size"] == 5 * MIB
    assert error["Error"]["Code"] == "ModelError"
    assert (
        "the request payload from container-1 to container-2 is 5242881 bytes, which has exceeded "
        "the maximum limit of 5 MB" in error["Error"]["Message"]
    )


def test_the_door_takes_25_mb_and_no_byte_more(call):
    """Its size is refused as a ValidationError, and the connection survives."""
    a, _ = call.seen(bytes(25 * MIB))
    error = call.error(bytes(25 * MIB + 1))
    again, _ = call.seen(b"x")

    assert a["size"] == 25 * MIB
    assert error["Error"]["Code"] == "ValidationError"
    assert again["body"] == "x"


def test_an_answer_over_25_mb_is_a_model_error(call):
    """The last container is limited like the caller."""
    whole = call(b={"size": 25 * MIB})
    error = call.error(b={"size": 25 * MIB + 1})

    assert len(whole["Body"]) == 25 * MIB
    assert error["Error"]["Code"] == "ModelError"
    assert "26214401 bytes" in error["Error"]["Message"]


def test_an_unknown_endpoint_is_a_validation_error(call):
    """As on AWS it is no ResourceNotFound."""
    error = call.error(endpoint="nobody")

    assert error["Error"] == {
        "Code": "ValidationError",
        "Message": "Endpoint nobody of account 123456789012 not found.",
    }
