"""Asynchronous and serverless endpoints of a real `local up`: everything by boto3, nothing by hand."""

from __future__ import annotations

import io
import json
import tarfile
from itertools import islice

import pytest

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BUCKET = "async-box"


@pytest.fixture(scope="module")
def model(box):
    """Give a function that creates a model of stub stages in the box's own S3."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("x"), io.BytesIO())
    box.client("s3").create_bucket(Bucket=BUCKET)
    box.client("s3").put_object(Bucket=BUCKET, Key="model.tar.gz", Body=body.getvalue())
    container = {"Image": "stub:1", "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}

    def create(name, containers):
        box.client("sagemaker").create_model(
            ModelName=name, ExecutionRoleArn=ROLE, Containers=[container] * containers
        )

    return create


@pytest.fixture
def endpoint(box, model):
    """Give a function that creates an endpoint and waits for it; it is deleted afterwards."""
    sagemaker, names = box.client("sagemaker"), []

    def create(name, variant, *, containers=1, **config):
        names.append(name)
        model(name, containers)
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{"VariantName": "AllTraffic", "ModelName": name, **variant}],
            **config,
        )
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        waiter = sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        return name

    yield create
    for name in names:
        sagemaker.delete_endpoint(EndpointName=name)
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
        sagemaker.delete_model(ModelName=name)


def test_a_pipeline_answers_from_s3_to_s3_and_tells_a_queue(box, endpoint):
    """The whole way: object, endpoint of two containers, object, topic, queue."""
    topic = box.client("sns").create_topic(Name="good")["TopicArn"]
    queue = box.client("sqs").create_queue(QueueName="told")["QueueUrl"]
    arn = topic.replace(":sns:", ":sqs:").replace(":good", ":told")
    box.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    output = {
        "S3OutputPath": f"s3://{BUCKET}/out",
        "S3FailurePath": f"s3://{BUCKET}/failed",
        "NotificationConfig": {"SuccessTopic": topic, "ErrorTopic": topic},
    }
    variant = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    name = endpoint(
        "async-box", variant, containers=2, AsyncInferenceConfig={"OutputConfig": output}
    )
    box.client("s3").put_object(Bucket=BUCKET, Key="in.csv", Body=b"1,2")

    accepted = box.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=name, InputLocation=f"s3://{BUCKET}/in.csv"
    )
    heard = {each["eventName"]: each for each in islice(messages(box.client("sqs"), queue), 2)}

    key = accepted["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
    answer = json.load(box.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"])
    told = heard["InferenceResult"]
    assert set(heard) == {"InferenceResult", "TestNotification"}
    assert told["invocationStatus"] == "Completed"
    assert told["inferenceId"] == accepted["InferenceId"]
    assert told["responseParameters"]["outputLocation"] == accepted["OutputLocation"]
    assert json.loads(answer["body"])["body"] == "1,2"


def test_a_serverless_endpoint_answers(box, endpoint):
    """One container, no instance type."""
    variant = {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
    name = endpoint("serverless-box", variant)

    response = box.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=b"x")

    assert json.load(response["Body"])["body"] == "x"


def test_a_stream_passes_the_box(box, endpoint):
    """Event streams go through the same port."""
    variant = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    name = endpoint("stream-box", variant)

    response = box.client("sagemaker-runtime").invoke_endpoint_with_response_stream(
        EndpointName=name, Body=b"x"
    )

    body = b"".join(event["PayloadPart"]["Bytes"] for event in response["Body"])
    assert json.loads(body)["body"] == "x"


def messages(sqs, queue):
    """Read the messages that a queue is told."""
    while True:
        found = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10, MaxNumberOfMessages=1)
        for message in found.get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            yield json.loads(json.loads(message["Body"])["Message"])
