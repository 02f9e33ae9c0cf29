"""Asynchronous endpoints by boto3 alone: from S3 to S3, told to a queue behind a topic."""

from __future__ import annotations

import json
from itertools import count

import pytest
from botocore.exceptions import ClientError

BUCKET = "contract"
GATES = count(1)


@pytest.fixture(scope="session")
def topics(machine):
    """Make a topic for success and one for errors, each heard by a queue; give their ARNs."""
    made = {}
    for name in ("good", "bad"):
        made[name] = machine.client("sns").create_topic(Name=name)["TopicArn"]
        machine.client("sqs").create_queue(QueueName=name)
        heard = made[name].replace(":sns:", ":sqs:")
        machine.client("sns").subscribe(TopicArn=made[name], Protocol="sqs", Endpoint=heard)
    return made


@pytest.fixture(scope="session")
def heard(machine, until):
    """Give a function that returns the next message of a queue."""
    sqs = machine.client("sqs")

    def receive(name):
        queue = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        given = {"QueueUrl": queue, "WaitTimeSeconds": 10, "MaxNumberOfMessages": 1}
        [message] = until(lambda: sqs.receive_message(**given).get("Messages"))
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(json.loads(message["Body"])["Message"])

    return receive


@pytest.fixture(scope="session")
def quiet(machine, topics, heard):
    """Name an asynchronous endpoint of two containers whose instance takes one at a time."""
    output = {
        "S3OutputPath": f"s3://{BUCKET}/out",
        "S3FailurePath": f"s3://{BUCKET}/failed",
        "NotificationConfig": {"SuccessTopic": topics["good"], "ErrorTopic": topics["bad"]},
    }
    told = {"OutputConfig": output, "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 1}}
    config = machine.config([machine.container(name) for name in "ab"], AsyncInferenceConfig=told)
    machine.client("sagemaker").create_endpoint(EndpointName="quiet", EndpointConfigName=config)
    machine.wait("quiet")
    for name in topics:
        assert heard(name)["eventName"] == "TestNotification"
    return "quiet"


@pytest.fixture
def enqueue(machine, mode, quiet):
    """Give a function that invokes the endpoint, in each retry mode."""

    def put(orders=None, **more):
        given = {"CustomAttributes": json.dumps(orders)} if orders else {}
        return machine.client("sagemaker-runtime", mode).invoke_endpoint_async(
            EndpointName=quiet, **given, **more
        )

    return put


def read(machine, location):
    """Read an object by its URL."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return machine.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def test_input_from_s3_ends_as_an_object_and_a_message(machine, enqueue, heard):
    """202 at once; both containers answered; the message names the place."""
    machine.client("s3").put_object(Bucket=BUCKET, Key="in.csv", Body=b"1,2")

    accepted = enqueue(
        InputLocation=f"s3://{BUCKET}/in.csv", ContentType="text/csv", InferenceId="row 7"
    )
    message = heard("good")

    last = json.loads(read(machine, accepted["OutputLocation"]))
    first = json.loads(last["body"])
    assert accepted["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert accepted["InferenceId"] == message["inferenceId"] == "row 7"
    assert accepted["OutputLocation"].startswith(f"s3://{BUCKET}/out/")
    assert (first["body"], first["headers"]["content-type"]) == ("1,2", "text/csv")
    assert message["invocationStatus"] == "Completed"
    assert message["responseParameters"]["outputLocation"] == accepted["OutputLocation"]


def test_an_inline_body_needs_no_object(machine, enqueue, heard):
    """The newest SDK sends small inputs along."""
    accepted = enqueue({"b": {"body": "done"}}, Body=b"1,2")

    heard("good")
    assert read(machine, accepted["OutputLocation"]) == b"done"


def test_a_models_error_is_an_object_and_a_message(machine, enqueue, heard):
    """The object holds the model's words, the message the platform's."""
    accepted = enqueue({"b": {"status": 500, "body": "no memory"}}, Body=b"x")

    message = heard("bad")
    assert read(machine, accepted["FailureLocation"]) == b"no memory"
    assert message["invocationStatus"] == "Failed"
    assert "Received server error (500) from container-2" in message["failureReason"]


def test_a_request_that_waited_too_long_expires(machine, enqueue, direct, heard):
    """While the instance is busy with another; the error topic hears of it."""
    gate = f"async-{next(GATES)}"
    first = machine.urls("quiet")[0]
    busy = enqueue({"a": {"wait": gate}}, Body=b"x")
    direct(first, {"reached": gate})

    late = enqueue(Body=b"x", RequestTTLSeconds=60)
    machine.forward(61)
    message = heard("bad")
    direct(first, {"open": gate})
    done = heard("good")
    machine.forward(0)

    assert (message["invocationStatus"], message["inferenceId"]) == (
        "Expired",
        late["InferenceId"],
    )
    assert done["inferenceId"] == busy["InferenceId"]
    with pytest.raises(ClientError, match="NoSuchKey"):
        read(machine, late["OutputLocation"])


def test_a_request_that_is_processed_too_long_fails(machine, enqueue, heard):
    """InvocationTimeoutSeconds is the caller's own limit."""
    enqueue({"a": {"hang": True}}, Body=b"x", InvocationTimeoutSeconds=1)

    message = heard("bad")
    assert "Received server error (0) from container-1" in message["failureReason"]


def test_an_asynchronous_endpoint_is_nothing_else(caller, machine, quiet, pipe, mode):
    """And another one has no queue."""
    plain = caller(machine).error(endpoint=quiet)
    runtime = pipe.client("sagemaker-runtime", mode)

    with pytest.raises(runtime.exceptions.ValidationError, match="no AsyncInferenceConfig"):
        runtime.invoke_endpoint_async(EndpointName="pipe", Body=b"x")
    assert plain["Error"]["Code"] == "ValidationError"
