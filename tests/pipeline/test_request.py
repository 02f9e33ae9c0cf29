from __future__ import annotations

from dataclasses import replace

import botocore.session
import pytest
from botocore.validate import ParamValidator

from stagewire_pipeline import request
from stagewire_pipeline.deployment import NAME_LETTERS, Container, Deployment, hops

OPERATIONS = {
    "CreateModel": request.model,
    "CreateEndpointConfig": request.config,
    "CreateEndpoint": request.endpoint,
    "UpdateEndpoint": request.update,
}


@pytest.fixture(scope="module")
def service():
    """SageMaker's own model of its requests."""
    return botocore.session.get_session().get_service_model("sagemaker")


@pytest.fixture
def deployment():
    """A chain of two containers."""
    containers = tuple(
        Container(
            hostname=name, image=f"registry/{name}:1", model_data="s3://b/k", environment=each
        )
        for name, each in zip(("first", "second"), hops(2), strict=True)
    )
    return Deployment(
        name="chain", role="arn:aws:iam::123456789012:role/SageMaker", containers=containers
    )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_requests_are_what_the_service_takes(operation, service, deployment):
    """Each request passes botocore's validation of its operation, no member unknown or absent."""
    shape = service.operation_model(operation).input_shape

    report = ParamValidator().validate(OPERATIONS[operation](deployment), shape)

    assert not report.has_errors(), report.generate_report()


def test_a_model_is_a_serial_chain_in_order(deployment):
    """Containers keep their order and hostnames, and the mode is said."""
    made = request.model(deployment)

    assert made["InferenceExecutionConfig"] == {"Mode": "Serial"}
    assert [each["ContainerHostname"] for each in made["Containers"]] == ["first", "second"]


def test_all_stages_but_the_last_answer_for_a_hop():
    """STAGEWIRE_HOP is set where the next container is ours."""
    assert hops(3) == ({"STAGEWIRE_HOP": "auto"}, {"STAGEWIRE_HOP": "auto"}, {})


def test_a_version_names_the_content(deployment):
    """The same settings have one name, others another; it is never longer than the platform's 63."""
    other = replace(deployment, instance_count=2)
    long = replace(deployment, name="a" * 51 + "-" + "b" * 11)

    assert deployment.version == replace(deployment).version != other.version
    assert len(long.version) <= NAME_LETTERS
    assert "--" not in long.version
