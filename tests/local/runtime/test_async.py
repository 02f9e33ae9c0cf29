"""InvokeEndpointAsync: 202 at once, the outcome later in S3, and messages in the platform's shape."""

from __future__ import annotations

import asyncio
import base64
import threading

import pytest

from stagewire_local.async_inference import Inference
from stagewire_local.async_queue import Queues
from stagewire_local.chain import Chain
from stagewire_local.client import Client
from stagewire_local.fixed import FixedDriver
from stagewire_local.limits import Limits
from stagewire_local.registry import Endpoint

INPUT = "s3://bucket/in/input-data.csv"
OUTPUT = {"S3OutputPath": "s3://bucket/out"}
TOPICS = {
    "SuccessTopic": "arn:aws:sns:us-east-1:123456789012:good",
    "ErrorTopic": "arn:aws:sns:us-east-1:123456789012:bad",
}
PATH = "/endpoints/pipe/async-invocations"


class Held:
    """A container that answers when the test says so, and counts whom it has in hand."""

    def __init__(self):
        self.gate = threading.Event()
        self.changed = threading.Condition()
        self.now = self.most = self.total = 0

    async def __call__(self, receive, send):  # noqa: ARG002 (the form of a stub's behaviour)
        """Hold the request, then answer."""
        self._count(1)
        await asyncio.to_thread(self.gate.wait, 30)
        self._count(-1)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"held"})

    def _count(self, step):
        with self.changed:
            self.now += step
            self.total += step > 0
            self.most = max(self.most, self.now)
            self.changed.notify_all()

    def wait(self, number):
        """Wait until that many requests have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.total >= number, timeout=30)


def test_input_from_s3_ends_as_an_object_and_a_message(asynchronous, runtime, store, stub):
    """Every member of the platform's success message has its value."""
    store.objects[INPUT] = b"1,2"
    one = stub(content_type="text/csv; charset=utf-8")
    client = runtime(asynchronous(one).url)

    accepted = client.invoke_endpoint_async(
        EndpointName="pipe",
        InputLocation=INPUT,
        ContentType="text/csv",
        Accept="text/csv",
        InferenceId="11111111-2222-3333-4444-555555555555",
        CustomAttributes="in",
    )
    topic, message = store.message()

    assert accepted["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert accepted["InferenceId"] == "11111111-2222-3333-4444-555555555555"
    assert accepted["OutputLocation"].startswith("s3://bucket/out/")
    assert accepted["FailureLocation"].startswith("s3://bucket/failed/")
    assert store.objects[accepted["OutputLocation"]] == b"1,2>"
    assert store.types[accepted["OutputLocation"]] == "text/csv; charset=utf-8"
    assert accepted["FailureLocation"] not in store.objects
    assert one.got("content-type") == one.got("accept") == "text/csv"
    assert one.got("x-amzn-sagemaker-custom-attributes") == "in"
    assert topic == "good"
    assert message == {
        "awsRegion": "us-east-1",
        "eventTime": "2022-01-25T22:46:00.608Z",
        "receivedTime": "2022-01-25T22:46:00.608Z",
        "invocationStatus": "Completed",
        "requestParameters": {
            "contentType": "text/csv",
            "accept": "text/csv",
            "endpointName": "pipe",
            "inputLocation": INPUT,
        },
        "responseParameters": {
            "contentType": "text/csv; charset=utf-8",
            "outputLocation": accepted["OutputLocation"],
        },
        "inferenceId": "11111111-2222-3333-4444-555555555555",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def test_an_inline_body_needs_no_object(asynchronous, runtime, store, stub):
    """The newest SDK sends small inputs along; an id is made up for it."""
    client = runtime(asynchronous(stub(), stub()).url)

    accepted = client.invoke_endpoint_async(EndpointName="pipe", Body=b"1,2")
    _, message = store.message()

    assert store.objects[accepted["OutputLocation"]] == b"1,2>>"
    assert len(accepted["InferenceId"]) == 36
    assert message["requestParameters"] == {"endpointName": "pipe"}


def test_the_caller_may_choose_where_the_result_goes(asynchronous, runtime, store, stub):
    """Path extension and file name are appended to the paths of the configuration."""
    client = runtime(asynchronous(stub()).url)

    accepted = client.invoke_endpoint_async(
        EndpointName="pipe",
        Body=b"x",
        S3OutputPathExtension="team/a",
        Filename="prediction.csv",
    )
    store.message()

    assert accepted["OutputLocation"] == "s3://bucket/out/team/a/prediction.csv"
    assert accepted["FailureLocation"] == "s3://bucket/failed/team/a/prediction-error.out"
    assert store.objects["s3://bucket/out/team/a/prediction.csv"] == b"x>"


def test_a_models_error_is_an_object_and_a_message_and_is_not_repeated(
    asynchronous, runtime, store, stub
):
    """The object holds what the model answered; the platform asks it once."""
    one = stub(status=500, body=b'{"error": "out of memory"}')
    client = runtime(asynchronous(one).url)

    accepted = client.invoke_endpoint_async(EndpointName="pipe", Body=b"x")
    topic, message = store.message()

    assert topic == "bad"
    assert message["invocationStatus"] == "Failed"
    assert message["failureReason"] == (
        "ClientError: Received server error (500) from primary. "
        "See the SageMaker Endpoint logs in your account for more information."
    )
    assert message["responseParameters"] == {"failureLocation": accepted["FailureLocation"]}
    assert store.objects[accepted["FailureLocation"]] == b'{"error": "out of memory"}'
    assert accepted["OutputLocation"] not in store.objects
    assert len(one.seen) == 1


def test_an_input_that_is_missing_fails_with_its_name(asynchronous, runtime, store, stub):
    """No container is asked, and who polls the failure location finds the reason there."""
    one = stub()
    client = runtime(asynchronous(one).url)

    accepted = client.invoke_endpoint_async(EndpointName="pipe", InputLocation=INPUT)
    _, message = store.message()

    assert INPUT in message["failureReason"]
    assert INPUT.encode() in store.objects[accepted["FailureLocation"]]
    assert one.seen == []


def test_an_input_over_the_maximum_fails(asynchronous, runtime, store, stub):
    """The platform takes 1 GB; the limit is settable down."""
    store.objects[INPUT] = bytes(1001)
    limits = Limits(start_seconds=20, async_bytes=1000)
    client = runtime(asynchronous(stub(), limits=limits).url)

    client.invoke_endpoint_async(EndpointName="pipe", InputLocation=INPUT)
    _, message = store.message()

    assert message["invocationStatus"] == "Failed"
    assert "1000 bytes" in message["failureReason"]


def test_responses_ride_in_messages_when_they_are_asked_for(asynchronous, runtime, store, stub):
    """Success carries base64, failure the model's words."""
    include = ["SUCCESS_NOTIFICATION_TOPIC", "ERROR_NOTIFICATION_TOPIC"]
    one = stub()
    client = runtime(asynchronous(one, include=include).url)

    client.invoke_endpoint_async(EndpointName="pipe", Body=b"x")
    _, good = store.message(1)
    one.status, one.body = 400, b"row 3"
    client.invoke_endpoint_async(EndpointName="pipe", Body=b"x")
    _, bad = store.message(2)

    assert base64.b64decode(good["responseBody"]["content"]) == b"x>"
    assert bad["responseBody"] == {"message": "row 3"}


def test_a_response_too_large_for_a_message_is_left_out(asynchronous, runtime, store, stub):
    """It is at the output location all the same."""
    limits = Limits(start_seconds=20, notice_bytes=10)
    include = ["SUCCESS_NOTIFICATION_TOPIC"]
    client = runtime(asynchronous(stub(body=bytes(11)), include=include, limits=limits).url)

    accepted = client.invoke_endpoint_async(EndpointName="pipe", Body=b"x")
    _, message = store.message()

    assert "responseBody" not in message
    assert store.objects[accepted["OutputLocation"]] == bytes(11)


def test_an_instance_gets_so_many_at_a_time_whatever_waits(asynchronous, runtime, stub):
    """MaxConcurrentInvocationsPerInstance holds for each of two instances."""
    held = Held()
    client = runtime(asynchronous(stub(behave=held), count=2, concurrency=2).url)

    for _ in range(7):
        client.invoke_endpoint_async(EndpointName="pipe", Body=b"x")
    held.wait(4)
    first = held.now
    held.gate.set()
    held.wait(7)

    assert first == 4
    assert held.most == 4


def test_a_request_that_waited_too_long_expires(asynchronous, runtime, store, clock, stub):
    """It reaches no container; the error topic hears of it, and the other request goes on."""
    held = Held()
    client = runtime(asynchronous(stub(behave=held), concurrency=1).url)
    client.invoke_endpoint_async(EndpointName="pipe", Body=b"first")
    held.wait(1)

    late = client.invoke_endpoint_async(
        EndpointName="pipe", Body=b"late", RequestTTLSeconds=60, InferenceId="late"
    )
    patient = client.invoke_endpoint_async(EndpointName="pipe", Body=b"patient")
    clock.forward(61)
    topic, message = store.message()
    held.gate.set()
    store.wait(lambda: patient["OutputLocation"] in store.objects)

    assert (topic, message["invocationStatus"]) == ("bad", "Expired")
    assert message["inferenceId"] == "late"
    assert late["OutputLocation"] not in store.objects
    assert held.total == 2


def test_a_request_that_is_processed_too_long_fails(asynchronous, runtime, store, stub):
    """InvocationTimeoutSeconds is the caller's own limit for a container."""
    held = Held()
    client = runtime(asynchronous(stub(behave=held)).url)

    client.invoke_endpoint_async(EndpointName="pipe", Body=b"x", InvocationTimeoutSeconds=1)
    _, message = store.message()
    held.gate.set()

    assert message["failureReason"].startswith(
        "ClientError: Received server error (0) from primary"
    )


def test_requests_wait_while_no_instance_is_healthy(asynchronous, runtime, store, stub, until):
    """They are taken in, and answered when a container is back."""
    one = stub()
    limits = Limits(start_seconds=20, watch_seconds=0.01, watch_misses=1, backoff_seconds=0.1)
    found = asynchronous(one, limits=limits)
    client = runtime(found.url)
    one.ping = 503
    [instance] = found.registry.find("pipe").variants[0].instances
    until(lambda: instance.hops() is None)

    accepted = client.invoke_endpoint_async(EndpointName="pipe", Body=b"x")
    before = list(one.seen)
    one.ping = 200
    store.message()

    assert before == []
    assert store.objects[accepted["OutputLocation"]] == b"x>"


def test_a_store_that_takes_nothing_loses_no_other_request(asynchronous, runtime, store, stub):
    """The error topic is told, and the queue goes on."""
    client = runtime(asynchronous(stub()).url)
    store.broken = True

    client.invoke_endpoint_async(EndpointName="pipe", Body=b"x")
    topic, message = store.message()
    store.broken = False
    second = client.invoke_endpoint_async(EndpointName="pipe", Body=b"y")
    store.message(2)

    assert topic == "bad"
    assert "cannot be written" in message["failureReason"]
    assert store.objects[second["OutputLocation"]] == b"y>"


def test_without_a_failure_path_there_is_no_failure_location(asynchronous, runtime, store, stub):
    """Neither in the answer nor in the message."""
    client = runtime(asynchronous(stub(status=500), output=OUTPUT).url)

    accepted = client.invoke_endpoint_async(EndpointName="pipe", Body=b"x")
    _, message = store.message()

    assert "FailureLocation" not in accepted
    assert "responseParameters" not in message
    assert store.objects == {}


@pytest.mark.parametrize("path", ["invocations", "invocations-response-stream"])
def test_an_asynchronous_endpoint_is_nothing_else(asynchronous, client, stub, path):
    """AsyncInferenceConfig makes an endpoint asynchronous only."""
    url = asynchronous(stub()).url

    response = client.post(f"{url}/endpoints/pipe/{path}", content=b"x")

    assert response.status_code == 400
    assert response.headers["x-amzn-errortype"] == "ValidationError"
    assert "InvokeEndpointAsync" in response.json()["Message"]


def test_another_endpoint_is_not_asynchronous(box, plan, runtime, stub):
    """Without AsyncInferenceConfig there is no place for the result."""
    client = runtime(box(plan(stub())).url)

    with pytest.raises(client.exceptions.ValidationError, match="no AsyncInferenceConfig"):
        client.invoke_endpoint_async(EndpointName="pipe", InputLocation=INPUT)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Exactly one of InputLocation and Body"),
        ({"InputLocation": INPUT, "body": b"x"}, "Exactly one of InputLocation and Body"),
        ({"InputLocation": "ftp://bucket/key"}, "names no object"),
        ({"InputLocation": "s3://bucket"}, "names no object"),
        ({"Filename": "../up", "body": b"x"}, "Filename"),
        ({"Filename": "a.b.c", "body": b"x"}, "Filename"),
        ({"S3OutputPathExtension": "s3://other", "body": b"x"}, "S3OutputPathExtension"),
        ({"RequestTTLSeconds": "59", "body": b"x"}, "from 60 to 21600"),
        ({"RequestTTLSeconds": "x", "body": b"x"}, "from 60 to 21600"),
        ({"InvocationTimeoutSeconds": "3601", "body": b"x"}, "from 1 to 3600"),
        ({"Inference-Id": "a" * 65, "body": b"x"}, "InferenceId"),
        ({"Session-Id": "a b", "body": b"x"}, "SessionId"),
    ],
)
def test_what_the_platform_does_not_take_is_refused_at_once(
    asynchronous, client, stub, given, words
):
    """Nothing of it is queued: the caller learns it from the answer."""
    url = asynchronous(stub()).url
    headers = {f"X-Amzn-SageMaker-{name}": given[name] for name in given if name != "body"}

    response = client.post(url + PATH, content=given.get("body", b""), headers=headers)

    assert response.status_code == 400
    assert response.headers["x-amzn-errortype"] == "ValidationError"
    assert words in response.json()["Message"]


def test_an_inline_body_has_a_maximum(asynchronous, client, stub):
    """128,000 bytes by botocore's model."""
    url = asynchronous(stub()).url

    response = client.post(url + PATH, content=bytes(128_001))

    assert response.status_code == 413
    assert "128000" in response.json()["Message"]


def test_a_new_endpoints_topics_get_a_test_message(store, clock):
    """Each topic once; the shape is from the guide of 2023."""
    endpoint = Endpoint(
        name="pipe",
        variants=[],
        driver=FixedDriver(),
        settings={
            "AsyncInferenceConfig": {"OutputConfig": {**OUTPUT, "NotificationConfig": TOPICS}}
        },
    )

    async def greet():
        async with Client() as client:
            chain = Chain(client=client, limits=Limits())
            inference = Inference(chain=chain, objects=store, topics=store, clock=clock)
            Queues(inference).of(endpoint).greet()
            await asyncio.to_thread(store.message, 2)

    asyncio.run(greet())

    expected = {
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "TestNotification",
    }
    assert store.messages == [("good", expected), ("bad", expected)]
