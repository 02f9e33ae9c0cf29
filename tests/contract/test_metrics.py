"""The platform's metrics of endpoints, read from CloudWatch by boto3 as on AWS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

GATES = count(1)
STATISTICS = ["Sum", "Average", "Maximum", "SampleCount"]


@pytest.fixture
def metric(machine):
    """Give a function that reads a metric of an endpoint over all time."""

    def read(name, endpoint, **dimensions):
        now = datetime.now(UTC)
        named = {"EndpointName": endpoint, **dimensions}
        found = machine.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=name,
            Dimensions=[{"Name": key, "Value": named[key]} for key in named],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=86400,
            Statistics=STATISTICS,
        )["Datapoints"]
        return found[0] if found else None

    return read


def test_requests_errors_and_times_are_counted_by_variant(machine, endpoint, caller, metric):
    """Four answers, one of each error; every number is there when it is asked for."""
    name = endpoint(machine.config([machine.container("a")], InitialInstanceCount=2))
    call = caller(machine)

    for _ in range(4):
        call(endpoint=name)
    call.error(endpoint=name, a={"status": 422})
    call.error(endpoint=name, a={"status": 500})

    def of(metric_name):
        return metric(metric_name, name, VariantName="v1")

    assert of("Invocations")["Sum"] == 6
    assert of("InvocationsPerInstance")["Sum"] == 3
    assert of("Invocation4XXErrors")["Sum"] == of("Invocation5XXErrors")["Sum"] == 1
    assert of("Invocation4XXErrors")["SampleCount"] == 6
    assert of("InvocationModelErrors")["Sum"] == 2
    assert of("ModelLatency")["SampleCount"] == of("OverheadLatency")["SampleCount"] == 6
    assert of("ModelLatency")["Unit"] == "Microseconds"
    assert of("ModelLatency")["Average"] > 0
    call(endpoint=name)
    assert of("Invocations")["Sum"] == 7
    assert metric("Invocations", "nobody") is None


def test_the_backlog_of_an_asynchronous_endpoint_is_told(machine, endpoint, metric, direct, until):
    """What is processed and what waits; afterwards how long it took."""
    told = {
        "OutputConfig": {"S3OutputPath": "s3://contract/metrics"},
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 1},
    }
    name = endpoint(machine.config([machine.container("a")], AsyncInferenceConfig=told))
    gate = f"metrics-{next(GATES)}"
    [url] = machine.urls(name)
    runtime = machine.client("sagemaker-runtime")

    for _ in range(3):
        runtime.invoke_endpoint_async(
            EndpointName=name, Body=b"x", CustomAttributes=f'{{"a": {{"wait": "{gate}"}}}}'
        )
    direct(url, {"reached": gate})
    during = metric("ApproximateBacklogSizePerInstance", name)
    direct(url, {"open": gate})

    def processed():
        found = metric("InvocationsProcesssed", name, VariantName="v1")
        return found and found["Sum"] == 3

    until(processed)

    assert during["Maximum"] == 3
    assert metric("ApproximateBacklogSize", name)["Maximum"] == 3
    assert metric("HasBacklogWithoutCapacity", name)["Maximum"] == 0
    assert metric("InvocationFailures", name, VariantName="v1")["Sum"] == 0
    assert metric("TimeInBacklog", name, VariantName="v1")["Unit"] == "Microseconds"
