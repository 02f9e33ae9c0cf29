"""What the platform does and this machine does not, held to what docs/fidelity.md says of it."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from botocore.exceptions import WaiterError

from stagewire_local.driver import ContainerSpec
from stagewire_local.ports import Ports
from stagewire_local.process import ProcessDriver

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"


@pytest.fixture
def created(box, model):
    """Give a function that creates an endpoint of one stub stage whose model is in S3."""
    made = []

    def create(name, *, keep=True):
        s3, sagemaker = box.client("s3"), box.client("sagemaker")
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="m.tar.gz", Body=model().read_bytes())
        where = f"s3://{name}/m.tar.gz"
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": "stub", "ModelDataUrl": where},
        )
        if not keep:
            s3.delete_object(Bucket=name, Key="m.tar.gz")
        variant = {
            "VariantName": "v",
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        made.append(name)
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400}
        )
        return sagemaker

    yield create
    for name in made:
        box.client("sagemaker").delete_endpoint(EndpointName=name)


def test_model_data_that_vanished_fails_the_endpoint(box, created):
    """It was there when the model was created."""
    with pytest.raises(WaiterError, match="Failed"):
        created("vanished", keep=False)

    reason = box.client("sagemaker").describe_endpoint(EndpointName="vanished")["FailureReason"]
    assert "Failed to download model data from URL: s3://vanished/m.tar.gz." in reason


def test_scaling_policies_are_kept_and_not_acted_upon(box, created):
    """The platform would start a second instance at once."""
    sagemaker, scaling = created("scaled"), box.client("application-autoscaling")
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/scaled/variant/v",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }

    scaling.register_scalable_target(**target, MinCapacity=2, MaxCapacity=3)
    scaling.put_scaling_policy(
        **target,
        PolicyName="busy",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 70,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
        },
    )

    kept = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    described = sagemaker.describe_endpoint(EndpointName="scaled")
    assert [each["PolicyName"] for each in kept] == ["busy"]
    assert described["EndpointStatus"] == "InService"
    assert described["ProductionVariants"][0]["DesiredInstanceCount"] == 1


def test_no_stage_of_a_pipeline_is_asked_for_execution_parameters(chained, client, stub):
    """Batch transform would ask, and that is not here."""
    one, two = stub(), stub()

    client.post(f"{chained(one, two)}/invocations", content=b"x")

    assert [each[1] for each in [*one.seen, *two.seen]] == ["/invocations"] * 2


@pytest.mark.anyio
async def test_of_aws_a_container_is_told_what_its_model_says_and_nothing_else(
    environment, tmp_path
):
    """Not the credentials of whoever started the door."""
    outside = {**environment, "AWS_ACCESS_KEY_ID": "mine", "AWS_REGION": "eu-west-1"}
    driver = ProcessDriver(
        tmp_path / "box", ports=Ports(), environ=outside, modules={"stub": "stub_stage"}
    )
    spec = ContainerSpec(
        hostname="primary", image="stub", environment={"AWS_ENDPOINT_URL": "http://s3"}
    )

    address = await driver.start(spec)
    async with asyncio.timeout(20), httpx.AsyncClient() as client:
        while True:
            try:
                answer = await client.post(f"{address.url}/invocations", content=b"x")
                break
            except httpx.ConnectError:
                await asyncio.sleep(0.02)
    await driver.close()

    seen = json.loads(answer.content)["environment"]
    assert {key for key in seen if key.startswith("AWS_")} == {"AWS_ENDPOINT_URL"}


def test_metadata_of_objects_loses_its_underscores(box):
    """WSGI, by which moto is asked, has one spelling for both."""
    s3 = box.client("s3")
    s3.create_bucket(Bucket="underscored")
    s3.put_object(Bucket="underscored", Key="a", Body=b"", Metadata={"of_mine": "1"})

    assert s3.head_object(Bucket="underscored", Key="a")["Metadata"] == {"of-mine": "1"}
