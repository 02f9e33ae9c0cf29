"""The life of an endpoint by boto3 alone: made, changed under its callers, failed, and gone."""

from __future__ import annotations

import threading
from itertools import count

import httpx
import pytest
from botocore.exceptions import ClientError, WaiterError

GATES = count(1)


@pytest.fixture
def sagemaker(machine):
    """Give the client of the control plane."""
    return machine.client("sagemaker")


def test_containers_get_what_their_definitions_say(pipe, call):
    """Environment, ports that are not 8080, and the model's files."""
    pipe.needs("starts")

    a, b = call.seen()

    ports = [int(each["environment"]["SAGEMAKER_BIND_TO_PORT"]) for each in (a, b)]
    assert (a["environment"]["NAME"], b["environment"]["NAME"]) == ("a", "b")
    assert ports[0] != ports[1]
    assert 8080 not in ports
    assert a["environment"]["SAGEMAKER_SAFE_PORT_RANGE"] == f"{ports[0] + 1}-{ports[0] + 9}"
    assert a["model"] == b["model"] == ["model.bin"]


def test_an_endpoint_is_described_as_on_aws(pipe):
    """State, variants, counts, and nothing that was not asked for."""
    described = pipe.client("sagemaker").describe_endpoint(EndpointName="pipe")

    [variant] = described["ProductionVariants"]
    assert described["EndpointStatus"] == "InService"
    assert "FailureReason" not in described
    assert (variant["VariantName"], variant["CurrentInstanceCount"]) == ("v1", 1)
    assert len(variant["DeployedImages"]) == 2


def test_a_direct_endpoint_asks_the_container_that_is_named(machine, endpoint, caller):
    """And refuses a request that names none."""
    containers = [machine.container(name) for name in "ab"]
    name = endpoint(
        machine.config(containers, more={"InferenceExecutionConfig": {"Mode": "Direct"}})
    )
    call = caller(machine)

    _, seen = call.seen(endpoint=name, TargetContainerHostname="container-2")
    error = call.error(endpoint=name)

    assert (seen["name"], seen["body"]) == ("b", "x")
    assert error["Error"]["Code"] == "ValidationError"
    assert "container-1, container-2" in error["Error"]["Message"]


def test_variants_share_the_requests_by_weight(machine, endpoint, caller, sagemaker):
    """Three to one exactly; the caller may choose; weights can be changed."""
    one = [machine.container("a")]
    name = endpoint(machine.config(one, one, weights=[3, 1]))
    call = caller(machine)

    def asked(**more):
        return call(endpoint=name, **more)["InvokedProductionVariant"]

    shares = [asked() for _ in range(8)]
    chosen = asked(TargetVariant="v2")
    wanted = [{"VariantName": "v1", "DesiredWeight": 0}]
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=wanted
    )
    machine.wait(name)

    assert (shares.count("v1"), shares.count("v2")) == (6, 2)
    assert chosen == "v2"
    assert {asked() for _ in range(4)} == {"v2"}


def test_an_update_exchanges_the_instances_without_a_failed_request(
    machine, endpoint, caller, direct, until
):
    """A request in an old instance is answered by it; new ones by the new instance."""
    name = endpoint(machine.config([machine.container("a")]))
    sagemaker = machine.client("sagemaker")
    gate, call, answers = f"update-{next(GATES)}", caller(machine), []
    [old] = machine.urls(name)
    waiting = threading.Thread(
        target=lambda: answers.append(
            call(endpoint=name, a={"wait": gate, "body": "from the old one"})["Body"]
        )
    )
    waiting.start()
    direct(old, {"reached": gate})

    new = machine.config([machine.container("b")])
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    until(lambda: call.seen(endpoint=name)[1]["name"] == "b")
    during = sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]
    direct(old, {"open": gate})
    waiting.join()
    machine.wait(name)

    described = sagemaker.describe_endpoint(EndpointName=name)
    assert answers == [b"from the old one"]
    assert during == "Updating"
    assert described["EndpointConfigName"] == new
    assert call.seen(endpoint=name)[1]["name"] == "b"


def test_an_update_that_fails_keeps_the_old_instances(machine, endpoint, caller, sagemaker):
    """Requests go on being answered by the same process; the reason names the container."""
    good = machine.config([machine.container("a")])
    name = endpoint(good)
    call = caller(machine)
    _, before = call.seen(endpoint=name)

    bad = machine.config([machine.container("a"), machine.container("b", broken=True)])
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=bad)
    machine.wait(name)

    described = sagemaker.describe_endpoint(EndpointName=name)
    _, after = call.seen(endpoint=name)
    assert described["EndpointConfigName"] == good
    assert "The container-2 container for production variant v1" in described["FailureReason"]
    assert after["pid"] == before["pid"]


def test_an_endpoint_that_cannot_start_is_failed_with_its_reason(machine, sagemaker, caller):
    """boto3's waiter ends, nothing can be invoked, and the endpoint can be deleted."""
    name = f"failed-{next(GATES)}"
    config = machine.config([machine.container("a", broken=True)])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)

    with pytest.raises(WaiterError, match="Failed"):
        machine.wait(name)

    reason = sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]
    error = caller(machine).error(endpoint=name)
    sagemaker.delete_endpoint(EndpointName=name)
    machine.wait(name, "endpoint_deleted")
    assert "The primary container for production variant v1 did not pass the ping" in reason
    assert error["Error"]["Code"] == "ValidationError"
    assert "is Failed" in error["Error"]["Message"]


def test_a_container_that_dies_is_replaced_and_no_request_hangs(machine, endpoint, caller, until):
    """Its own request is a ModelError; then an answer or a clean error, until a new process answers."""
    machine.needs("deaths")
    name = endpoint(machine.config([machine.container(name) for name in "ab"]))
    call = caller(machine)
    first, _ = call.seen(endpoint=name)

    error = call.error(endpoint=name, a={"exit": 3})
    codes = set()

    def answered():
        try:
            return call.seen(endpoint=name)[0]
        except ClientError as refused:
            codes.add(refused.response["Error"]["Code"])
            return None

    healed = until(answered)

    assert (error["Error"]["Code"], error["OriginalStatusCode"]) == ("ModelError", 0)
    assert codes <= {"ModelError", "ServiceUnavailable"}
    # The one that died would count on: its third request.
    assert healed["served"] < first["served"] + 2


def test_a_deleted_endpoint_is_unknown(machine, sagemaker, caller):
    """To the control plane and to the runtime."""
    name = f"deleted-{next(GATES)}"
    config = machine.config([machine.container("a")])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    machine.wait(name)

    sagemaker.delete_endpoint(EndpointName=name)
    machine.wait(name, "endpoint_deleted")

    error = caller(machine).error(endpoint=name)
    assert error["Error"]["Message"].startswith(f"Endpoint {name} of account")
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.describe_endpoint(EndpointName=name)


def test_a_failed_update_is_seen_rolling_back(machine, endpoint, caller, sagemaker, until):
    """While the new instances go, the old ones answer; the endpoint cannot be changed."""
    machine.needs("starts")
    name = endpoint(machine.config([machine.container("a")]))
    slow = machine.container("a", environment={"STOP_SECONDS": "3"})
    late = machine.container("b", environment={"EXIT_AFTER": "2", "READY_AFTER": "60"})
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=machine.config([slow, late]))

    def described_after():
        found = sagemaker.describe_endpoint(EndpointName=name)
        return None if found["EndpointStatus"] == "Updating" else found

    described = until(described_after)
    answer = caller(machine)(endpoint=name)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.delete_endpoint(EndpointName=name)
    machine.wait(name)

    assert described["EndpointStatus"] == "RollingBack"
    assert "container-2" in described["FailureReason"]
    assert answer["Body"]
    assert "container-2" in sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]


def test_old_instances_live_on_for_the_termination_wait(machine, caller, sagemaker, until):
    """The new ones answer, the endpoint is Updating, and the old container is still there."""
    machine.needs("starts")
    name = f"waiting-{next(GATES)}"  # deleted with its door: it is Updating for an hour
    config = machine.config([machine.container("a")])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    machine.wait(name)
    [old] = machine.urls(name)
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 3600}

    sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=machine.config([machine.container("b")]),
        DeploymentConfig={"BlueGreenUpdatePolicy": policy},
    )
    until(lambda: caller(machine).seen(endpoint=name)[1]["name"] == "b")
    described = sagemaker.describe_endpoint(EndpointName=name)

    assert described["EndpointStatus"] == "Updating"
    assert described["LastDeploymentConfig"]["BlueGreenUpdatePolicy"] == policy
    assert httpx.get(f"{old}/ping", timeout=30).status_code == 200


def test_an_update_can_keep_weights_and_counts(machine, endpoint, sagemaker):
    """What scaling has set survives a new configuration, but for what is excluded."""
    one = [machine.container("a")]
    name = endpoint(machine.config(one, one, weights=[1, 1]))
    wanted = [{"VariantName": "v1", "DesiredWeight": 3, "DesiredInstanceCount": 2}]
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=wanted
    )
    machine.wait(name)
    new = machine.config(one, one, weights=[5, 5])

    sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=new, RetainAllVariantProperties=True
    )
    machine.wait(name)
    both = sizes(sagemaker, name)
    sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=new,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
    )
    machine.wait(name)

    assert both == [(3.0, 2), (1.0, 1)]
    assert sizes(sagemaker, name) == [(5.0, 2), (5.0, 1)]


def sizes(sagemaker, name):
    """Return the weight and the number of instances of each variant."""
    described = sagemaker.describe_endpoint(EndpointName=name)
    return [
        (each["CurrentWeight"], each["CurrentInstanceCount"])
        for each in described["ProductionVariants"]
    ]


@pytest.mark.parametrize(
    ("deployment", "words"),
    [
        ({"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}}, "AutoRollback"),
        (
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {"Type": "CANARY", "WaitIntervalInSeconds": 0}
                }
            },
            "type CANARY",
        ),
        (
            {
                "RollingUpdatePolicy": {
                    "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
                    "WaitIntervalInSeconds": 0,
                }
            },
            "RollingUpdatePolicy",
        ),
    ],
)
def test_a_deployment_that_would_be_without_effect_is_refused(pipe, deployment, words):
    """It is named; the endpoint stays as it is."""
    sagemaker = pipe.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName="pipe")["EndpointConfigName"]

    with pytest.raises(ClientError, match=words) as caught:
        sagemaker.update_endpoint(
            EndpointName="pipe", EndpointConfigName=config, DeploymentConfig=deployment
        )

    assert caught.value.response["Error"]["Code"] == "UnsupportedOperation"
    described = sagemaker.describe_endpoint(EndpointName="pipe")
    assert described["EndpointStatus"] == "InService"
