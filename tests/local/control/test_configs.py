"""Names and configurations that the platform refuses, and what is gone after a clean-up."""

from __future__ import annotations

import pytest
from control_plane import container, refused, wait


def test_a_name_that_is_taken_and_one_that_is_not_there(sagemaker, modelled, configured):
    """ValidationException for both, as on AWS; the SDK looks for these words."""
    model = modelled()
    config = configured(model)
    variant = {"VariantName": "v", "ModelName": "nobody"}

    again = refused(sagemaker.create_model, ModelName=model, PrimaryContainer=container())
    nobody = refused(sagemaker.describe_model, ModelName="nobody")
    known = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    twice = refused(
        sagemaker.create_endpoint_config, EndpointConfigName=config, ProductionVariants=known
    )
    missing = refused(
        sagemaker.create_endpoint_config, EndpointConfigName="c", ProductionVariants=[variant]
    )
    endpoint = refused(sagemaker.describe_endpoint, EndpointName="nobody")

    arn = "arn:aws:sagemaker:us-east-1:123456789012"
    assert again[1] == f'Cannot create already existing model "{arn}:model/{model}".'
    assert nobody[1] == f'Could not find model "{arn}:model/nobody".'
    assert twice[1] == (
        f'Cannot create already existing endpoint configuration "{arn}:endpoint-config/{config}".'
    )
    assert missing[1] == nobody[1]
    assert endpoint[1] == f'Could not find endpoint "{arn}:endpoint/nobody".'


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"InstanceType": "ml.t9.huge", "InitialInstanceCount": 1}, "enum value set: [ml."),
        ({"InstanceType": "ml.m5.large"}, "InitialInstanceCount is required"),
        ({"InstanceType": "ml.m5.large", "InitialInstanceCount": 0}, "greater than or equal to 1"),
        (
            {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1}},
            "serverless inference does not support inference pipelines",
        ),
        (
            {"ServerlessConfig": {"MemorySizeInMB": 512, "MaxConcurrency": 1}},
            "greater than or equal to 1024",
        ),
        (
            {
                "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1},
                "InstanceType": "ml.m5.large",
            },
            "InstanceType is not valid for serverless",
        ),
        (
            {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1, "InitialVariantWeight": 0},
            "weight above 0",
        ),
    ],
)
def test_a_configuration_that_the_platform_refuses_is_refused(sagemaker, modelled, more, message):
    """Instance types, counts, and what serverless excludes."""
    variant = {"VariantName": "v", "ModelName": modelled(), **more}

    code, text = refused(
        sagemaker.create_endpoint_config, EndpointConfigName="c", ProductionVariants=[variant]
    )

    assert code == "ValidationException"
    assert message in text


def test_deleted_things_are_gone(sagemaker, modelled, configured, named):
    """Endpoint, configuration and model, in the order of every clean-up."""
    model = modelled(1)
    config = configured(model)
    sagemaker.create_endpoint(EndpointName=named, EndpointConfigName=config)
    wait(sagemaker, named)

    sagemaker.delete_endpoint(EndpointName=named)
    wait(sagemaker, named, "endpoint_deleted")
    sagemaker.delete_endpoint_config(EndpointConfigName=config)
    sagemaker.delete_model(ModelName=model)

    assert refused(sagemaker.describe_endpoint, EndpointName=named)[1].startswith("Could not find")
    assert refused(sagemaker.delete_model, ModelName=model)[1].startswith("Could not find model")
    assert sagemaker.list_models(NameContains=model)["Models"] == []
