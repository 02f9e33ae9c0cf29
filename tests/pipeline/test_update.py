from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from stagewire_pipeline.apply import Aws, Plain
from stagewire_pipeline.deploying import Spec, deploy
from stagewire_pipeline.errors import DeployError, FailedError
from stagewire_pipeline.ledger import NAME

ROLE = "arn:aws:iam::123456789012:role/SageMaker"
GROUP = "/aws/sagemaker/Endpoints/chain"
REASON = "The container predictor did not pass the ping health check."


class Steered(Plain):
    """Makes endpoints at moto, whose SageMaker neither updates nor fails: that is done to its state.

    `outcome` is what becomes of the endpoint: `serves`, `fails` or, for an update, `rolls back`.
    """

    def __init__(self, aws, outcome):
        super().__init__(aws)
        self.outcome = outcome

    def make(self, deployment, *, update):  # noqa: ARG002 (moto creates over what stands)
        """Make everything for real, then let the endpoint be what was wished."""
        super().make(deployment, update=False)
        from moto.backends import get_backend

        endpoint = get_backend("sagemaker")["123456789012"]["us-east-1"].endpoints[deployment.name]
        if self.outcome != "serves":
            endpoint.failure_reason = REASON
        if self.outcome == "fails":
            endpoint.endpoint_status = "Failed"
        if self.outcome == "rolls back":
            endpoint.endpoint_config_name = self.before

    def updating(self, name):
        """Remember what an endpoint serves, to which a failed update goes back."""
        self.before = self.aws.state(name).config
        return self


@pytest.fixture
def here(url, aws, environ):
    """The account, emptied of what the test made."""
    found = Aws({**environ, "AWS_ENDPOINT_URL": url})
    yield found
    aws("sagemaker").delete_endpoint(EndpointName="chain")
    sagemaker, s3 = aws("sagemaker"), aws("s3")
    for each in sagemaker.list_endpoint_configs()["EndpointConfigs"]:
        sagemaker.delete_endpoint_config(EndpointConfigName=each["EndpointConfigName"])
    for each in sagemaker.list_models()["Models"]:
        sagemaker.delete_model(ModelName=each["ModelName"])
    for bucket in s3.list_buckets()["Buckets"]:
        for each in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            s3.delete_object(Bucket=bucket["Name"], Key=each["Key"])
        s3.delete_bucket(Bucket=bucket["Name"])


@pytest.fixture
def spec(out):
    """An endpoint of the two artifacts."""
    return Spec(name="chain", out=out, role=ROLE)


def made(out):
    """Return what the record says was made, sorted."""
    entries = json.loads((out / NAME).read_text())["deployments"]
    return sorted(each["name"] for entry in entries for each in entry["made"])


def test_one_client_a_service_asks_again_and_again(url, environ):
    """A wait polls, and a client costs the reading of its service's whole model."""
    here = Aws({**environ, "AWS_ENDPOINT_URL": url})

    assert here.client("sagemaker") is here.client("sagemaker")
    assert here.client("sagemaker") is not here.client("s3")


def test_a_failed_endpoint_tells_reason_and_last_lines(here, aws, spec, out):
    """The platform's reason, and what the blamed container wrote last, nobody else's lines."""
    logs = aws("logs")
    logs.create_log_group(logGroupName=GROUP)
    for container, line in {"featurizer": "ready", "predictor": "no such file"}.items():
        stream = f"AllTraffic/i-1/{container}"
        logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        event = {"timestamp": int(time.time() * 1000), "message": line}
        logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=[event])

    with pytest.raises(FailedError, match="did not pass the ping") as told:
        deploy(spec, here, Steered(here, "fails"), print)

    assert "stagewire delete chain" in str(told.value)
    assert told.value.logs == {"AllTraffic/i-1/predictor": ("no such file",)}
    assert len(made(out)) == 6
    logs.delete_log_group(logGroupName=GROUP)


@pytest.mark.parametrize("update", [False, True])
def test_a_failed_endpoint_has_to_go_first(here, aws, spec, out, update):
    """The same command again says so before it makes anything: AWS updates no endpoint that Failed."""
    with pytest.raises(FailedError):
        deploy(spec, here, Steered(here, "fails"), print)
    before = made(out)

    with pytest.raises(DeployError, match="chain is Failed") as told:
        deploy(replace(spec, instance_count=2, update=update), here, Plain(here), print)

    assert REASON in str(told.value)
    assert "remove it first: stagewire delete chain" in str(told.value)
    assert made(out) == before
    assert len(aws("sagemaker").list_models()["Models"]) == 1


def test_an_update_removes_what_only_the_old_content_needed(here, aws, spec, out):
    """After an update the record and the account hold one model and one configuration."""
    deploy(spec, here, Plain(here), print)
    before = made(out)

    deploy(replace(spec, instance_count=2, update=True), here, Steered(here, "serves"), print)

    models = [each["ModelName"] for each in aws("sagemaker").list_models()["Models"]]
    assert len(models) == 1
    assert models[0] in made(out)
    assert models[0] not in before
    assert len(made(out)) == len(before)


def test_a_failed_update_leaves_what_stood(here, aws, spec, out):
    """Rolled back by the platform, the new model goes again and the record is the old one."""
    deploy(spec, here, Plain(here), print)
    before = (out / NAME).read_text()
    maker = Steered(here, "rolls back").updating("chain")

    with pytest.raises(FailedError, match="still serves the old content"):
        deploy(replace(spec, instance_count=2, update=True), here, maker, print)

    assert (out / NAME).read_text() == before
    assert len(aws("sagemaker").list_models()["Models"]) == 1


def test_an_update_nobody_awaited_is_found_rolled_back(here, aws, spec):
    """The next deploy sees by the configuration in force that the last one did not come through."""
    deploy(spec, here, Plain(here), print)
    other = replace(spec, instance_count=2, update=True)
    maker = Steered(here, "rolls back").updating("chain")
    deploy(replace(other, wait=False), here, maker, print)

    found = deploy(other, here, Steered(here, "serves"), print)

    assert not found.skipped
    assert len(aws("sagemaker").list_models()["Models"]) == 1


def test_updating_through_moto_is_refused_and_undone(here, aws, spec, out):
    """An update that AWS does not take leaves neither a model nor a word in the record."""
    deploy(spec, here, Plain(here), print)
    before = (out / NAME).read_text()

    with pytest.raises(DeployError):
        deploy(replace(spec, instance_count=2, update=True), here, Plain(here), print)

    assert (out / NAME).read_text() == before
    assert len(aws("sagemaker").list_models()["Models"]) == 1
