"""Models as an unmodified boto3 meets them: wrong input first, then what is kept of good one."""

from __future__ import annotations

import pytest
from control_plane import NUMBERS, ROLE, container, refused


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "Value null at 'modelName' failed to satisfy constraint: Member must not be null"),
        ({"ModelName": "a_b"}, "Member must satisfy regular expression pattern"),
        ({"ModelName": "a" * 64}, "Member must have length less than or equal to 63"),
        ({"Containers": [container()] * 16}, "Member must have length less than or equal to 15"),
        ({}, "1 validation error detected"),
        ({"ModelName": "m"}, "Either PrimaryContainer or Containers"),
        (
            {"ModelName": "m", "PrimaryContainer": container(), "Containers": [container()]},
            "and not both",
        ),
        (
            {"ModelName": "m", "Containers": [container(ContainerHostname="-a"), container()]},
            "regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        (
            {"ModelName": "m", "Containers": [container(ContainerHostname="a"), container()]},
            "all containers must have one",
        ),
        (
            {"ModelName": "m", "Containers": [container(ContainerHostname="a")] * 2},
            "ContainerHostname a is given twice",
        ),
        (
            {"ModelName": "m", "PrimaryContainer": container(Environment={"A": "x" * 1025})},
            "Member must have length less than or equal to 1024",
        ),
        (
            {"ModelName": "m", "PrimaryContainer": container(Environment={"1A": "x"})},
            "regular expression pattern: [a-zA-Z_][a-zA-Z0-9_]*",
        ),
        (
            {
                "ModelName": "m",
                "Containers": [container(Environment={f"A{n}": "x" * 1000 for n in range(20)})] * 2,
            },
            "exceeds the maximum of 32768 bytes",
        ),
        (
            {
                "ModelName": "m",
                "Containers": [container()],
                "InferenceExecutionConfig": {"Mode": "Both"},
            },
            "Member must satisfy enum value set: [Serial, Direct]",
        ),
        (
            {"ModelName": "m", "PrimaryContainer": container(ModelDataUrl="ftp://a/b")},
            "regular expression pattern: (https|s3)",
        ),
        (
            {"ModelName": "m", "PrimaryContainer": container(ModelDataUrl="s3://nobody/b")},
            "Could not find model data at s3://nobody/b.",
        ),
        (
            {"ModelName": "m", "PrimaryContainer": {"Mode": "SingleModel"}},
            "Container 1 has no Image",
        ),
        ({"ModelName": 7}, "Member must be of type string"),
    ],
)
def test_a_model_that_the_platform_refuses_is_refused_in_its_words(sagemaker, request_, message):
    """Shapes first, then the rules that no shape says; nothing is kept."""
    code, text = refused(sagemaker.create_model, **request_)

    assert code == "ValidationException"
    assert message in text


def test_what_is_not_implemented_says_its_name(sagemaker):
    """A member, and an operation that AWS has: no HTML 500 that an SDK would repeat."""
    several = container(Mode="MultiModel")

    member = refused(sagemaker.create_model, ModelName="m", PrimaryContainer=several)
    operation = refused(sagemaker.stop_training_job, TrainingJobName="t")

    assert member[0] == operation[0] == "UnsupportedOperation"
    assert "Mode MultiModel of container 1 is not implemented" in member[1]
    assert "StopTrainingJob is not implemented" in operation[1]


def test_an_operation_that_nobody_has_is_named(client, box):
    """404, JSON, and the name."""
    headers = {"X-Amz-Target": "SageMaker.CreateTea", "Content-Type": "application/x-amz-json-1.1"}

    response = client.post(box.url, content=b"{}", headers=headers)

    assert response.status_code == 404
    assert response.json()["message"] == "CreateTea is no operation of SageMaker."


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"'])
def test_a_body_that_is_no_object_is_a_serialization_exception(client, box, body):
    """Whatever sent it is told so."""
    response = client.post(box.url, content=body, headers={"X-Amz-Target": "SageMaker.CreateModel"})

    assert response.status_code == 400
    assert response.json()["__type"] == "SerializationException"


def test_a_model_is_described_as_it_was_given(sagemaker, bucket):
    """Containers in order, the execution mode, and nothing empty that was not asked for."""
    name = f"model-{next(NUMBERS)}"
    containers = [container(ContainerHostname=each, ModelDataUrl=bucket(x=b"")) for each in "ab"]
    given = {
        "Containers": containers,
        "InferenceExecutionConfig": {"Mode": "Direct"},
        "ExecutionRoleArn": ROLE,
    }

    arn = sagemaker.create_model(ModelName=name, **given)["ModelArn"]

    described = sagemaker.describe_model(ModelName=name)
    assert arn == described["ModelArn"]
    assert {key: described[key] for key in given} == given
    assert "PrimaryContainer" not in described
    assert "VpcConfig" not in described


def test_lists_have_pages_filters_and_orders(sagemaker, modelled):
    """boto3's paginator sees each model once, the newest first."""
    made = [modelled(1) for _ in range(3)]

    pages = sagemaker.get_paginator("list_models").paginate(PaginationConfig={"PageSize": 2})
    names = [each["ModelName"] for page in pages for each in page["Models"]]
    by_name = sagemaker.list_models(SortBy="Name", SortOrder="Ascending", MaxResults=100)["Models"]

    assert names[:3] == made[::-1]
    assert len(names) == len(set(names))
    assert by_name == sorted(by_name, key=lambda each: each["ModelName"])
    assert refused(sagemaker.list_models, NextToken="x")[0] == "ValidationException"


def test_tags_are_kept_by_arn(sagemaker, named):
    """Those of the creation and those added later; an unknown ARN is refused."""
    arn = sagemaker.create_model(
        ModelName=named, PrimaryContainer=container(), Tags=[{"Key": "a", "Value": "1"}]
    )["ModelArn"]

    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])

    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert "Could not find resource" in refused(sagemaker.list_tags, ResourceArn=arn + "x")[1]
