"""A deployment as the requests of SageMaker's API: frozen dataclasses in, dicts out, no client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagewire_pipeline.deployment import Container, Deployment

# The name that the platform's own consoles and SDKs give the only variant.
VARIANT = "AllTraffic"


def model(deployment: Deployment) -> dict[str, Any]:
    """Build CreateModel: a chain, in order."""
    return {
        "ModelName": deployment.version,
        "ExecutionRoleArn": deployment.role,
        "Containers": [container(each) for each in deployment.containers],
        "InferenceExecutionConfig": {"Mode": "Serial"},
        "Tags": tags(deployment),
    }


def container(each: Container) -> dict[str, Any]:
    """Build one ContainerDefinition."""
    return {
        "ContainerHostname": each.hostname,
        "Image": each.image,
        "ModelDataUrl": each.model_data,
        "Environment": dict(each.environment),
    }


def config(deployment: Deployment) -> dict[str, Any]:
    """Build CreateEndpointConfig: one variant, all traffic."""
    variant = {
        "VariantName": VARIANT,
        "ModelName": deployment.version,
        "InstanceType": deployment.instance_type,
        "InitialInstanceCount": deployment.instance_count,
        "InitialVariantWeight": 1.0,
    }
    return {
        "EndpointConfigName": deployment.version,
        "ProductionVariants": [variant],
        "Tags": tags(deployment),
    }


def endpoint(deployment: Deployment) -> dict[str, Any]:
    """Build CreateEndpoint."""
    return {**update(deployment), "Tags": tags(deployment)}


def update(deployment: Deployment) -> dict[str, Any]:
    """Build UpdateEndpoint, which takes no tags."""
    return {"EndpointName": deployment.name, "EndpointConfigName": deployment.version}


def tags(deployment: Deployment) -> list[dict[str, str]]:
    """Build the list of tags, sorted."""
    return [{"Key": key, "Value": value} for key, value in sorted(deployment.tags.items())]
