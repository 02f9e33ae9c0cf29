from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from importlib.util import find_spec

import pytest

from stagewire import manifest
from stagewire.schema import schema

FEWER = schema([("size", "float32")])
ROLE = "arn:aws:iam::123456789012:role/SageMaker"


@pytest.fixture
def run(environ, out, request):
    """The program in a process of its own, on the folder, with AWS's address if the test has one."""
    address = (
        {"AWS_ENDPOINT_URL": request.getfixturevalue("url")}
        if "aws" in request.fixturenames
        else {}
    )

    def program(*arguments):
        return subprocess.run(
            [sys.executable, "-P", "-m", "stagewire_pipeline", *arguments, "--out", str(out)],
            env={**environ, "AWS_EC2_METADATA_DISABLED": "true", **address},
            capture_output=True,
            text=True,
            check=False,
        )

    return program


def everything(aws):
    """List all that a deployment could make."""
    sagemaker, s3 = aws("sagemaker"), aws("s3")
    buckets = [each["Name"] for each in s3.list_buckets()["Buckets"]]
    return {
        "buckets": buckets,
        "objects": [s3.list_objects_v2(Bucket=each).get("Contents", []) for each in buckets],
        "models": sagemaker.list_models()["Models"],
        "configs": sagemaker.list_endpoint_configs()["EndpointConfigs"],
        "endpoints": sagemaker.list_endpoints()["Endpoints"],
    }


def recorded(out):
    """Return what the record says was made, by kind."""
    entries = json.loads((out / "deploy.json").read_text())["deployments"]
    return [(each["kind"], each["name"]) for entry in entries for each in entry["made"]]


WRONG = {
    "name": (["--name", "not_legal"], "cannot name an endpoint"),
    "long name": (["--name", "a" * 64], "at most 63"),
    "role": (["--role", "SageMakerRole"], "not the ARN of an IAM role"),
    "instance": (["--instance-type", "m5.large"], "not an instance type"),
    "bucket": (["--bucket", "Capital"], "cannot name a bucket"),
    "image": (["--image", "tokenizer=x:1"], "no stage 'tokenizer'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_wish_is_refused_before_anybody_is_asked(case, run):
    """Without credentials and address, each is told by our own rules."""
    arguments, told = WRONG[case]

    ended = run("deploy", *arguments)

    assert ended.returncode == 1
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_artifacts_are_refused(run, out):
    """The missing archive is named, with the command that makes it."""
    (out / "predictor.tar.gz").unlink()

    ended = run("deploy")

    assert ended.returncode == 1
    assert "there is no" in ended.stderr
    assert "stagewire package" in ended.stderr


def test_artifacts_that_do_not_fit_are_refused(run, out, artifact):
    """A featurizer of other columns than the predictor takes is not deployed."""
    artifact(out, "featurizer", FEWER)

    ended = run("deploy")

    assert ended.returncode == 1
    assert "is not the input of predictor" in ended.stderr


@pytest.mark.parametrize("body", [b"", b"not a gzip", b"\x1f\x8b\x08\x00"])
def test_a_broken_archive_is_refused(body, run, out):
    """Bytes that are no archive end in a sentence."""
    (out / "featurizer.tar.gz").write_bytes(body)

    ended = run("deploy")

    assert ended.returncode == 1
    assert "cannot be read as an artifact" in ended.stderr


def test_an_archive_made_by_tar_itself_is_read(run, out):
    """`tar -C model .` writes ./manifest.json; what is refused then is only that nobody is asked."""
    for stage in ("featurizer", "predictor"):
        with tarfile.open(out / f"{stage}.tar.gz", "w:gz") as tar:
            tar.add(out / stage / "model", arcname=".")

    ended = run("deploy", "--role", ROLE)

    assert "credentials" in ended.stderr


def test_without_credentials_nothing_is_done(run):
    """AWS itself, and nobody to be: one sentence."""
    ended = run("deploy", "--role", ROLE)

    assert ended.returncode == 1
    assert "credentials" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_is_not_recorded_is_not_deleted(run, aws):
    """Deleting an unknown name names the known ones and touches nothing."""
    aws("sagemaker")

    ended = run("delete", "other")

    assert ended.returncode == 1
    assert "nothing was deleted" in ended.stderr


def test_deploying_records_and_deleting_leaves_nothing(run, aws, out):
    """Everything made is in the record, a second deploy changes nothing, delete removes it all."""
    before = everything(aws)
    first = run("deploy", "--name", "chain", "--role", ROLE, "--client", "boto3")
    made, listed = everything(aws), recorded(out)
    second = run("deploy", "--name", "chain", "--role", ROLE, "--client", "boto3")
    again = everything(aws)

    ended = run("delete", "chain")

    assert (first.returncode, second.returncode, ended.returncode) == (0, 0, 0), first.stderr
    assert "is InService" in first.stdout
    assert "is unchanged" in second.stdout
    assert [kind for kind, _ in listed] == [
        "bucket", "object", "object", "model", "endpoint-config", "endpoint",
    ]  # fmt: skip
    assert made == again
    assert everything(aws) == before
    assert recorded(out) == []


def test_a_model_holds_what_was_uploaded(run, aws, out):
    """The containers' data are the artifacts, byte for byte, named by their digest."""
    run("deploy", "--name", "chain", "--role", ROLE, "--client", "boto3")
    name = aws("sagemaker").list_models()["Models"][0]["ModelName"]
    model = aws("sagemaker").describe_model(ModelName=name)
    for container, stage in zip(model["Containers"], ("featurizer", "predictor"), strict=True):
        bucket, _, key = container["ModelDataUrl"].removeprefix("s3://").partition("/")
        body = aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        path = out / f"{stage}.tar.gz"

        assert body == path.read_bytes()
        assert manifest.digest(path) in key
        assert container["ContainerHostname"] == stage
    run("delete", "chain")


def test_other_content_needs_a_word(run, aws):
    """A standing endpoint is not turned over without --update, and stays as it is."""
    run("deploy", "--name", "chain", "--role", ROLE, "--client", "boto3")
    before = everything(aws)

    ended = run(
        "deploy", "--name", "chain", "--role", ROLE, "--client", "boto3", "--instance-count", "2"
    )

    assert ended.returncode == 1
    assert "--update" in ended.stderr
    assert everything(aws) == before
    run("delete", "chain")


def test_anothers_endpoint_is_not_touched(run, aws, out):
    """An endpoint that the record does not have is nobody's to change."""
    run("deploy", "--name", "chain", "--role", ROLE, "--client", "boto3")
    record = (out / "deploy.json").read_text()
    (out / "deploy.json").unlink()

    ended = run("deploy", "--name", "chain", "--role", ROLE, "--client", "boto3", "--update")

    assert ended.returncode == 1
    assert "touches only what it made" in ended.stderr
    (out / "deploy.json").write_text(record)
    run("delete", "chain")


def test_a_refused_creation_leaves_nothing(run, aws, out):
    """When AWS refuses a step, what the steps before it made is gone, record included."""
    before = everything(aws)

    ended = run(
        "deploy", "--name", "chain", "--role", ROLE, "--client", "boto3",
        "--instance-type", "ml.none.large",
    )  # fmt: skip

    assert ended.returncode == 1
    assert "ValidationException" in ended.stderr
    assert everything(aws) == before
    assert recorded(out) == []


def test_a_bucket_that_others_use_is_kept(run, aws):
    """Deleting leaves a bucket in which there is something that deploy did not make."""
    run("deploy", "--name", "chain", "--role", ROLE, "--client", "boto3", "--bucket", "shared-bin")
    aws("s3").put_object(Bucket="shared-bin", Key="mine", Body=b"1")

    ended = run("delete", "chain")

    assert ended.returncode == 0
    assert "is kept" in ended.stdout
    assert [each["Key"] for each in aws("s3").list_objects_v2(Bucket="shared-bin")["Contents"]] == [
        "mine"
    ]
    aws("s3").delete_object(Bucket="shared-bin", Key="mine")
    aws("s3").delete_bucket(Bucket="shared-bin")


def test_the_record_outlives_the_endpoint(run, aws, out):
    """An endpoint that somebody deleted by hand is deployed anew, its remains removed first."""
    run("deploy", "--name", "chain", "--role", ROLE, "--client", "boto3")
    aws("sagemaker").delete_endpoint(EndpointName="chain")

    ended = run("deploy", "--name", "chain", "--role", ROLE, "--client", "boto3")

    assert ended.returncode == 0, ended.stderr
    assert "is gone" in ended.stdout
    assert len(recorded(out)) == 6
    run("delete", "chain")


def test_the_sdk_is_asked_for_by_name(run, aws):
    """Without the SDK its absence is told, with the way around it; with it, it deploys."""
    missing = find_spec("sagemaker") is None

    ended = run("deploy", "--name", "chain", "--role", ROLE, "--client", "sagemaker")

    assert (ended.returncode != 0) == missing
    assert ("--client boto3" in ended.stderr) == missing
    run("delete", "chain")
