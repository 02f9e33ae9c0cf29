"""The notebook's endpoint by version 3 of the SageMaker SDK, which has no PipelineModel.

`stagewire train` and `stagewire package` come first; then, against AWS or by `stagewire local run --`
against this machine: `python sdk3.py OUT ROLE`. It deploys, asks, and deletes what it made.
"""
# ruff: noqa: INP001, T201 (a program, which prints what it did)

from __future__ import annotations

import sys
from pathlib import Path
from uuid import uuid4

import boto3
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import (
    ContainerDefinition,
    InferenceExecutionConfig,
    ProductionVariant,
)


def main(out: Path, role: str) -> None:
    """Deploy the artifacts of a folder, score its held-out rows, leave nothing."""
    name = f"abalone-{uuid4().hex[:8]}"
    s3 = boto3.client("s3")
    bucket, keys = name, [f"{stage}.tar.gz" for stage in ("featurizer", "predictor")]
    region = boto3.Session().region_name
    # The oldest region is the one that must not be named.
    place = {} if region == "us-east-1" else {"LocationConstraint": region}
    s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": place} if place else {}))
    made = []
    try:
        for key in keys:
            s3.upload_file(str(out / key), bucket, key)
        made.append(model(name, role))
        made.append(configuration(name))
        endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name)
        made.append(endpoint)
        endpoint.wait_for_status("InService", poll=1)
        print(ask(endpoint, out / "test.csv"))
    finally:
        for each in reversed(made):
            each.delete()
        for key in keys:
            s3.delete_object(Bucket=bucket, Key=key)
        s3.delete_bucket(Bucket=bucket)


def model(name: str, role: str) -> Model:
    """Make the model: two containers, one after the other."""
    account = boto3.client("sts").get_caller_identity()["Account"]
    registry = f"{account}.dkr.ecr.{boto3.Session().region_name}.amazonaws.com"
    environments = {"featurizer": {"STAGEWIRE_HOP": "auto"}, "predictor": {}}
    return Model.create(
        model_name=name,
        execution_role_arn=role,
        containers=[
            ContainerDefinition(
                container_hostname=stage,
                image=f"{registry}/stagewire/{stage}:latest",
                model_data_url=f"s3://{name}/{stage}.tar.gz",
                environment=environment,
            )
            for stage, environment in environments.items()
        ],
        inference_execution_config=InferenceExecutionConfig(mode="Serial"),
    )


def configuration(name: str) -> EndpointConfig:
    """Make the endpoint's configuration: one variant, one instance."""
    variant = ProductionVariant(
        variant_name="AllTraffic",
        model_name=name,
        instance_type="ml.m5.large",
        initial_instance_count=1,
    )
    return EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])


def ask(endpoint: Endpoint, rows: Path) -> str:
    """Return the predictions of three held-out rows."""
    lines = rows.read_text().splitlines()[1:4]
    body = "\n".join(line.rpartition(",")[0] for line in lines)
    answer = endpoint.invoke(body=body, content_type="text/csv")
    return answer.body.read().decode()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
