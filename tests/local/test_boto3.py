"""The door seen by an unmodified boto3, in both of its retry modes."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config


@pytest.fixture(params=["legacy", "standard"])
def runtime(request):
    """Give a function that makes a sagemaker-runtime client for a door."""
    clients = []

    def make(url):
        config = Config(retries={"mode": request.param, "max_attempts": 2})
        clients.append(
            boto3.client(
                "sagemaker-runtime",
                endpoint_url=url,
                region_name="us-east-1",
                aws_access_key_id="none",
                aws_secret_access_key="none",  # noqa: S106 -- nobody checks it
                config=config,
            )
        )
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def test_a_prediction_arrives_with_all_its_members(chained, runtime, stub):
    """Body, type, variant and custom attributes are read as on AWS."""
    one = stub(content_type="text/csv", headers={"X-Amzn-SageMaker-Custom-Attributes": "out"})
    client = runtime(chained(one))

    response = client.invoke_endpoint(
        EndpointName="pipe",
        ContentType="text/csv; charset=utf-8",
        Accept="text/csv",
        CustomAttributes="in",
        Body=b"1,2",
    )

    assert response["Body"].read() == b"1,2>"
    assert response["ContentType"] == "text/csv"
    assert response["InvokedProductionVariant"] == "AllTraffic"
    assert response["CustomAttributes"] == "out"
    assert response["ResponseMetadata"]["RequestId"]
    assert one.got("content-type") == "text/csv; charset=utf-8"


def test_a_containers_error_is_a_model_error_with_its_members(chained, runtime, stub):
    """The caller's except clause works, and the container was asked once."""
    one = stub(status=422, body=b"row 3: 'abc' is no number")
    client = runtime(chained(one, stub()))

    with pytest.raises(client.exceptions.ModelError) as caught:
        client.invoke_endpoint(EndpointName="pipe", Body=b"x")

    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == 422
    assert response["OriginalMessage"] == "row 3: 'abc' is no number"
    assert response["LogStreamArn"].startswith("arn:aws:logs:us-east-1:123456789012:")
    assert "container-1" in response["Error"]["Message"]
    assert len(one.seen) == 1


def test_an_unknown_endpoint_is_a_validation_error(chained, runtime, stub):
    """As on AWS it is no ResourceNotFound."""
    client = runtime(chained(stub()))

    with pytest.raises(client.exceptions.ValidationError, match="Endpoint nobody of account"):
        client.invoke_endpoint(EndpointName="nobody", Body=b"x")


def test_a_body_too_large_reads_as_a_validation_error(chained, runtime, stub):
    """The client survives the refusal although it sends the whole body."""
    client = runtime(chained(stub()))

    with pytest.raises(client.exceptions.ValidationError):
        client.invoke_endpoint(EndpointName="pipe", Body=bytes(26 * 1024 * 1024))

    assert client.invoke_endpoint(EndpointName="pipe", Body=b"x")["Body"].read() == b"x>"


def test_a_body_of_7_mb_passes(chained, runtime, stub):
    """The client's model says 6 MB and does not hold to it; the platform takes 25."""
    client = runtime(chained(stub(body=b"ok")))

    response = client.invoke_endpoint(EndpointName="pipe", Body=bytes(7 * 1024 * 1024))

    assert response["Body"].read() == b"ok"
