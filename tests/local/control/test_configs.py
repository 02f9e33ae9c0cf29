"""Names and configurations that the platform refuses, and what is gone after a clean-up."""

from __future__ import annotations

import pytest
from control_plane import ROLE, container, refused, wait


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


SERVERLESS = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1}}
INSTANCE = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
OUTPUT = {"OutputConfig": {"S3OutputPath": "s3://b/out"}}
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://b/c",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}
ALONE = "must be the only one, and its endpoint not asynchronous"
CLOSED = "supports neither VpcConfig nor network isolation"


@pytest.mark.parametrize(
    ("model", "more", "message"),
    [
        ({"EnableNetworkIsolation": True}, {}, CLOSED),
        ({"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}}, {}, CLOSED),
        ({}, {"AsyncInferenceConfig": OUTPUT}, ALONE),
        ({}, {"ProductionVariants": [INSTANCE]}, ALONE),
    ],
    ids=["isolation", "vpc", "async", "variants"],
)
def test_what_serverless_excludes_is_refused(sagemaker, modelled, model, more, message):
    """As the platform's page of serverless endpoints lists it."""
    name = modelled(1, **model)
    variants = [SERVERLESS, *more.pop("ProductionVariants", [])]

    code, text = refused(
        sagemaker.create_endpoint_config,
        EndpointConfigName="c",
        ProductionVariants=[
            {"VariantName": f"v{place}", "ModelName": name, **each}
            for place, each in enumerate(variants)
        ],
        **more,
    )

    assert code == "ValidationException"
    assert message in text


def test_serverless_excludes_model_data_that_is_no_archive(sagemaker, bucket, named):
    """ModelDataSource is for instances."""
    source = {"S3Uri": bucket(x=b""), "S3DataType": "S3Object", "CompressionType": "Gzip"}
    image = {"Image": "stub", "ModelDataSource": {"S3DataSource": source}}
    sagemaker.create_model(ModelName=named, ExecutionRoleArn=ROLE, PrimaryContainer=image)
    variant = {"VariantName": "v", "ModelName": named, **SERVERLESS}

    _, text = refused(
        sagemaker.create_endpoint_config, EndpointConfigName="c", ProductionVariants=[variant]
    )

    assert text == "Serverless variant v does not support a ModelDataSource."


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"ShadowProductionVariants": [{"VariantName": "s", "ModelName": "m"}]},
            "ShadowProductionVariants",
        ),
        (
            {
                "ExplainerConfig": {
                    "ClarifyExplainerConfig": {"ShapConfig": {"ShapBaselineConfig": {}}}
                }
            },
            "ExplainerConfig",
        ),
        ({"DataCaptureConfig": CAPTURE}, "DataCaptureConfig"),
        ({"ProductionVariants": [{"VariantName": "v", **INSTANCE}]}, "inference components"),
    ],
    ids=["shadow", "explainer", "capture", "components"],
)
def test_what_no_endpoint_has_here_is_refused_by_name(sagemaker, modelled, more, message):
    """It would be without effect, and nobody would know."""
    variant = {"VariantName": "v", "ModelName": modelled(1), **INSTANCE}
    more = {"ProductionVariants": [variant], **more}

    code, text = refused(sagemaker.create_endpoint_config, EndpointConfigName="c", **more)

    assert code == "UnsupportedOperation"
    assert message in text


def test_a_model_package_is_refused_by_name(sagemaker):
    """There is no registry of models here."""
    code, text = refused(
        sagemaker.create_model, ModelName="m", PrimaryContainer={"ModelPackageName": "p"}
    )

    assert code == "UnsupportedOperation"
    assert "ModelPackageName" in text


def test_keys_of_kms_are_described_and_encrypt_nothing(sagemaker, modelled, named):
    """Results in the box's S3 are readable by whoever reaches this machine, with or without."""
    key = "arn:aws:kms:us-east-1:123456789012:key/k"
    asynchronous = {"OutputConfig": {**OUTPUT["OutputConfig"], "KmsKeyId": key}}
    variant = {"VariantName": "v", "ModelName": modelled(1), **INSTANCE}

    sagemaker.create_endpoint_config(
        EndpointConfigName=named,
        ProductionVariants=[variant],
        AsyncInferenceConfig=asynchronous,
        KmsKeyId=key,
    )

    found = sagemaker.describe_endpoint_config(EndpointConfigName=named)
    assert (found["KmsKeyId"], found["AsyncInferenceConfig"]) == (key, asynchronous)


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
