"""Models, configurations and endpoints in the box, by an unmodified boto3."""

from __future__ import annotations

import pytest
from control_plane import NUMBERS, ROLE, wait

BUCKET = "models-of-the-tests"


@pytest.fixture(scope="session")
def sagemaker(box):
    """Give a client that leaves all checks to the box."""
    return box.client("sagemaker", parameter_validation=False)


@pytest.fixture(scope="session")
def bucket(box, packed):
    """Give a function that puts a model archive into the box's own S3 and returns its URL."""
    s3 = box.client("s3")
    s3.create_bucket(Bucket=BUCKET)

    def put(**files):
        key = f"{next(NUMBERS)}/model.tar.gz"
        s3.put_object(Bucket=BUCKET, Key=key, Body=packed(files))
        return f"s3://{BUCKET}/{key}"

    return put


@pytest.fixture
def named():
    """Give a name that no other test has."""
    return f"thing-{next(NUMBERS)}"


@pytest.fixture(scope="session")
def modelled(sagemaker, bucket):
    """Give a function that creates a model of stub stages and returns its name."""

    def create(containers=2, *, files=None, **more):
        name = f"model-{next(NUMBERS)}"
        one = {"Image": "stub:1", "ModelDataUrl": bucket(**(files or {"x": b""}))}
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, Containers=[one] * containers, **more
        )
        return name

    return create


@pytest.fixture(scope="session")
def configured(sagemaker):
    """Give a function that creates an endpoint configuration: a variant for each model."""

    def create(*models, instances=1, weights=None):
        name = f"config-{next(NUMBERS)}"
        variants = [
            {
                "VariantName": f"v{place}",
                "ModelName": model,
                "InstanceType": "ml.g5.xlarge",
                "InitialInstanceCount": instances,
                "InitialVariantWeight": (weights or [1] * len(models))[place - 1],
            }
            for place, model in enumerate(models, 1)
        ]
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        return name

    return create


@pytest.fixture
def deployed(sagemaker, configured, named):
    """Give a function that creates an endpoint and waits until it is InService."""
    made = []

    def create(*models, **more):
        sagemaker.create_endpoint(
            EndpointName=named, EndpointConfigName=configured(*models, **more)
        )
        made.append(named)
        wait(sagemaker, named)
        return named

    yield create
    for name in made:
        sagemaker.delete_endpoint(EndpointName=name)
        wait(sagemaker, name, "endpoint_deleted")
