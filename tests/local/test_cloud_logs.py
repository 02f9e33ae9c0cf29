"""The log groups of endpoints in the box's CloudWatch Logs, as unmodified boto3 reads them."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from botocore.exceptions import ClientError

GROUP = "/aws/sagemaker/Endpoints/{}"
FAILED = {"Delay": 0.05, "MaxAttempts": 400}


@pytest.fixture
def endpoint(box):
    """Give a function that makes an endpoint of stubs, and delete them at the end."""
    sagemaker, made = box.client("sagemaker"), []

    def make(name, *containers):
        variant = {
            "VariantName": "blue",
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        sagemaker.create_model(ModelName=name, Containers=containers)
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        made.append(name)
        waiter = sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=name, WaiterConfig=FAILED)

    yield make
    for each in made:
        with suppress(ClientError):  # one of the tests deletes its own
            sagemaker.delete_endpoint(EndpointName=each)


def streams(box, endpoint):
    """Read all that an endpoint's containers wrote, by stream."""
    logs, group = box.client("logs"), GROUP.format(endpoint)
    found = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)
    names = [each["logStreamName"] for each in found["logStreams"]]
    return {
        name: logs.get_log_events(logGroupName=group, logStreamName=name)["events"]
        for name in names
    }


def test_each_container_of_a_pipeline_has_a_stream(box, endpoint):
    """It is called as on the platform, holds its lines and their times."""
    begin = time.time() * 1000
    endpoint("two-logs", {"Image": "stub"}, {"Image": "stub"})

    found = streams(box, "two-logs")

    assert set(found) == {f"blue/two-logs-1/container-{place}" for place in (1, 2)}
    for events in found.values():
        assert events[0]["message"].startswith("the stub serves")
        assert begin <= events[0]["timestamp"] <= time.time() * 1000


def test_a_container_alone_has_the_stream_of_its_instance(box, endpoint):
    """Its name says no container, as on the platform."""
    endpoint("one-log", {"Image": "stub"})

    assert set(streams(box, "one-log")) == {"blue/one-log-1"}


def test_lines_are_written_once(box, endpoint):
    """A second question adds only what is new."""
    endpoint("again-log", {"Image": "stub"})

    first, second = streams(box, "again-log"), streams(box, "again-log")

    assert first == second


def test_an_endpoint_that_is_gone_keeps_its_logs(box, endpoint):
    """As on the platform, where deleting an endpoint deletes no log group."""
    endpoint("gone-log", {"Image": "stub"}, {"Image": "stub"})
    before = streams(box, "gone-log")
    box.client("sagemaker").delete_endpoint(EndpointName="gone-log")

    waiter = box.client("sagemaker").get_waiter("endpoint_deleted")
    waiter.wait(EndpointName="gone-log", WaiterConfig=FAILED)

    assert set(streams(box, "gone-log")) == set(before)


def test_log_groups_of_others_are_motos(box):
    """A program may keep logs of its own."""
    logs = box.client("logs")

    logs.create_log_group(logGroupName="mine")

    assert [
        each["logGroupName"]
        for each in logs.describe_log_groups(logGroupNamePrefix="mine")["logGroups"]
    ] == ["mine"]
