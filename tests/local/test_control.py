"""The control plane as an unmodified boto3 meets it: wrong input first, then real endpoints."""

from __future__ import annotations

import json
import os
import signal
import threading
from itertools import count

import pytest
from botocore.exceptions import ClientError, WaiterError

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BUCKET = "models-of-the-tests"
NUMBERS = count(1)


@pytest.fixture(scope="session")
def sagemaker(box):
    """Give a client that leaves all checks to the box."""
    return box.client("sagemaker", parameter_validation=False)


@pytest.fixture(scope="session")
def bucket(box, packed):
    """Give a function that puts a model archive into the box's own S3 and returns its URL."""
    s3 = box.client("s3")
    s3.create_bucket(Bucket=BUCKET)

    def put(**files):
        key = f"{next(NUMBERS)}/model.tar.gz"
        s3.put_object(Bucket=BUCKET, Key=key, Body=packed(files))
        return f"s3://{BUCKET}/{key}"

    return put


@pytest.fixture
def named():
    """Give a name that no other test has."""
    return f"thing-{next(NUMBERS)}"


@pytest.fixture(scope="session")
def modelled(sagemaker, bucket):
    """Give a function that creates a model of stub stages and returns its name."""

    def create(containers=2, *, files=None, **more):
        name = f"model-{next(NUMBERS)}"
        one = {"Image": "stub:1", "ModelDataUrl": bucket(**(files or {"x": b""}))}
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, Containers=[one] * containers, **more
        )
        return name

    return create


@pytest.fixture(scope="session")
def configured(sagemaker):
    """Give a function that creates an endpoint configuration: a variant for each model."""

    def create(*models, instances=1, weights=None):
        name = f"config-{next(NUMBERS)}"
        variants = [
            {
                "VariantName": f"v{place}",
                "ModelName": model,
                "InstanceType": "ml.g5.xlarge",
                "InitialInstanceCount": instances,
                "InitialVariantWeight": (weights or [1] * len(models))[place - 1],
            }
            for place, model in enumerate(models, 1)
        ]
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        return name

    return create


@pytest.fixture
def deployed(sagemaker, configured, named):
    """Give a function that creates an endpoint and waits until it is InService."""
    made = []

    def create(*models, **more):
        sagemaker.create_endpoint(
            EndpointName=named, EndpointConfigName=configured(*models, **more)
        )
        made.append(named)
        wait(sagemaker, named)
        return named

    yield create
    for name in made:
        sagemaker.delete_endpoint(EndpointName=name)
        wait(sagemaker, name, "endpoint_deleted")


def wait(sagemaker, name, state="endpoint_in_service"):
    """Wait with boto3's own waiter, at a pace for this machine."""
    waiter = sagemaker.get_waiter(state)
    waiter.wait(EndpointName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})


def refused(call, **request):
    """Return the error's code and message."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def container(**more):
    """Write a container without model data."""
    return {"Image": "stub", **more}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "Value null at 'modelName' failed to satisfy constraint: Member must not be null"),
        ({"ModelName": "a_b"}, "Member must satisfy regular expression pattern"),
        ({"ModelName": "a" * 64}, "Member must have length less than or equal to 63"),
        ({"Containers": [container()] * 16}, "Member must have length less than or equal to 15"),
        ({}, "1 validation error detected"),
        ({"ModelName": "m"}, "Either PrimaryContainer or Containers"),
        (
            {"ModelName": "m", "PrimaryContainer": container(), "Containers": [container()]},
            "and not both",
        ),
        (
            {"ModelName": "m", "Containers": [container(ContainerHostname="-a"), container()]},
            "regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        (
            {"ModelName": "m", "Containers": [container(ContainerHostname="a"), container()]},
            "all containers must have one",
        ),
        (
            {"ModelName": "m", "Containers": [container(ContainerHostname="a")] * 2},
            "ContainerHostname a is given twice",
        ),
        (
            {"ModelName": "m", "PrimaryContainer": container(Environment={"A": "x" * 1025})},
            "Member must have length less than or equal to 1024",
        ),
        (
            {"ModelName": "m", "PrimaryContainer": container(Environment={"1A": "x"})},
            "regular expression pattern: [a-zA-Z_][a-zA-Z0-9_]*",
        ),
        (
            {
                "ModelName": "m",
                "Containers": [container(Environment={f"A{n}": "x" * 1000 for n in range(20)})] * 2,
            },
            "exceeds the maximum of 32768 bytes",
        ),
        (
            {
                "ModelName": "m",
                "Containers": [container()],
                "InferenceExecutionConfig": {"Mode": "Both"},
            },
            "Member must satisfy enum value set: [Serial, Direct]",
        ),
        (
            {"ModelName": "m", "PrimaryContainer": container(ModelDataUrl="ftp://a/b")},
            "regular expression pattern: (https|s3)",
        ),
        (
            {"ModelName": "m", "PrimaryContainer": container(ModelDataUrl="s3://nobody/b")},
            "Could not find model data at s3://nobody/b.",
        ),
        (
            {"ModelName": "m", "PrimaryContainer": {"Mode": "SingleModel"}},
            "Container 1 has no Image",
        ),
        ({"ModelName": 7}, "Member must be of type string"),
    ],
)
def test_a_model_that_the_platform_refuses_is_refused_in_its_words(sagemaker, request_, message):
    """Shapes first, then the rules that no shape says; nothing is kept."""
    code, text = refused(sagemaker.create_model, **request_)

    assert code == "ValidationException"
    assert message in text


def test_what_is_not_implemented_says_its_name(sagemaker):
    """A member, and an operation that AWS has: no HTML 500 that an SDK would repeat."""
    several = container(Mode="MultiModel")

    member = refused(sagemaker.create_model, ModelName="m", PrimaryContainer=several)
    operation = refused(sagemaker.stop_training_job, TrainingJobName="t")

    assert member[0] == operation[0] == "UnsupportedOperation"
    assert "Mode MultiModel of container 1 is not implemented" in member[1]
    assert "StopTrainingJob is not implemented" in operation[1]


def test_an_operation_that_nobody_has_is_named(client, box):
    """404, JSON, and the name."""
    headers = {"X-Amz-Target": "SageMaker.CreateTea", "Content-Type": "application/x-amz-json-1.1"}

    response = client.post(box.url, content=b"{}", headers=headers)

    assert response.status_code == 404
    assert response.json()["message"] == "CreateTea is no operation of SageMaker."


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"'])
def test_a_body_that_is_no_object_is_a_serialization_exception(client, box, body):
    """Whatever sent it is told so."""
    response = client.post(box.url, content=body, headers={"X-Amz-Target": "SageMaker.CreateModel"})

    assert response.status_code == 400
    assert response.json()["__type"] == "SerializationException"


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


def test_a_pipeline_is_deployed_from_s3_and_answers(box, sagemaker, modelled, deployed):
    """Create, wait, describe, invoke: what every notebook does."""
    model = modelled(files={"model.bin": b"1"})

    name = deployed(model)
    answer = box.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=b"x")
    outer = json.load(answer["Body"])

    described = sagemaker.describe_endpoint(EndpointName=name)
    [variant] = described["ProductionVariants"]
    assert outer["model"] == ["model.bin"]
    assert json.loads(outer["body"])["body"] == "x"
    assert answer["InvokedProductionVariant"] == "v1"
    assert described["EndpointStatus"] == "InService"
    assert "FailureReason" not in described
    assert variant["CurrentInstanceCount"] == 1
    assert [each["SpecifiedImage"] for each in variant["DeployedImages"]] == ["stub:1", "stub:1"]


def test_a_model_is_described_as_it_was_given(sagemaker, bucket):
    """Containers in order, the execution mode, and nothing empty that was not asked for."""
    name = f"model-{next(NUMBERS)}"
    containers = [container(ContainerHostname=each, ModelDataUrl=bucket(x=b"")) for each in "ab"]
    given = {
        "Containers": containers,
        "InferenceExecutionConfig": {"Mode": "Direct"},
        "ExecutionRoleArn": ROLE,
    }

    arn = sagemaker.create_model(ModelName=name, **given)["ModelArn"]

    described = sagemaker.describe_model(ModelName=name)
    assert arn == described["ModelArn"]
    assert {key: described[key] for key in given} == given
    assert "PrimaryContainer" not in described
    assert "VpcConfig" not in described


def test_a_direct_endpoint_asks_the_container_that_is_named(box, sagemaker, modelled, deployed):
    """And refuses a request that names none."""
    mode = {"Mode": "Direct"}
    name = deployed(modelled(InferenceExecutionConfig=mode))
    runtime = box.client("sagemaker-runtime")

    answer = runtime.invoke_endpoint(
        EndpointName=name, Body=b"x", TargetContainerHostname="container-2"
    )
    nobody = refused(runtime.invoke_endpoint, EndpointName=name, Body=b"x")

    assert json.load(answer["Body"])["body"] == "x"
    assert nobody[0] == "ValidationError"
    assert "container-1, container-2" in nobody[1]


def test_a_container_that_fails_its_ping_fails_the_endpoint(sagemaker, modelled, configured, named):
    """boto3's waiter ends with Failed, and the reason names the container."""
    config = configured(modelled(files={"broken": b""}))
    sagemaker.create_endpoint(EndpointName=named, EndpointConfigName=config)

    with pytest.raises(WaiterError, match="Failed"):
        wait(sagemaker, named)

    reason = sagemaker.describe_endpoint(EndpointName=named)["FailureReason"]
    sagemaker.delete_endpoint(EndpointName=named)
    assert "The container-1 container for production variant v1 did not pass the ping" in reason
    assert "exited with code 1" in reason


def test_an_update_to_a_failing_model_keeps_the_old_instances(
    box, sagemaker, modelled, configured, deployed
):
    """Requests go on being answered by the same processes; the reason is kept."""
    name = deployed(modelled())
    before = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    runtime = box.client("sagemaker-runtime")
    pid = json.load(runtime.invoke_endpoint(EndpointName=name, Body=b"x")["Body"])["pid"]

    broken = configured(modelled(files={"broken": b""}))
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=broken)
    during = refused(sagemaker.delete_endpoint, EndpointName=name)
    wait(sagemaker, name)

    described = sagemaker.describe_endpoint(EndpointName=name)
    after = json.load(runtime.invoke_endpoint(EndpointName=name, Body=b"x")["Body"])["pid"]
    assert "Cannot update in-progress endpoint" in during[1]
    assert described["EndpointConfigName"] == before
    assert "exited with code 1" in described["FailureReason"]
    assert after == pid


def test_an_update_exchanges_the_instances_without_a_failed_request(
    box, sagemaker, modelled, configured, deployed
):
    """Callers before, while and after get answers, and at last those of the new model."""
    name = deployed(modelled(files={"old": b""}))
    runtime = box.client("sagemaker-runtime", retries={"total_max_attempts": 1})
    models, done = [], threading.Event()

    def call():
        while not done.is_set():
            answer = runtime.invoke_endpoint(EndpointName=name, Body=b"x")
            models.append(json.load(answer["Body"])["model"])

    caller = threading.Thread(target=call)
    caller.start()
    new = configured(modelled(files={"new": b""}))
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    wait(sagemaker, name)
    last = runtime.invoke_endpoint(EndpointName=name, Body=b"x")
    done.set()
    caller.join()

    assert json.load(last["Body"])["model"] == ["new"]
    assert models[0] == ["old"]
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"] == new


def test_two_variants_share_the_requests_by_weight(box, sagemaker, modelled, deployed):
    """Three to one exactly; the caller may also choose; weights and counts can be changed."""
    name = deployed(modelled(1), modelled(1), weights=[3, 1])
    runtime = box.client("sagemaker-runtime")

    def asked(**more):
        answer = runtime.invoke_endpoint(EndpointName=name, Body=b"x", **more)
        return answer["InvokedProductionVariant"]

    shares = [asked() for _ in range(8)]
    chosen = asked(TargetVariant="v2")
    wanted = [
        {"VariantName": "v1", "DesiredWeight": 0},
        {"VariantName": "v2", "DesiredInstanceCount": 2},
    ]
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=wanted
    )
    wait(sagemaker, name)

    first, second = sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"]
    assert (shares.count("v1"), shares.count("v2")) == (6, 2)
    assert chosen == "v2"
    assert {asked() for _ in range(4)} == {"v2"}
    assert first["CurrentWeight"] == 0
    assert second["CurrentInstanceCount"] == 2


def test_an_instance_that_dies_under_load_harms_no_request_on_the_others(
    box, modelled, deployed, until
):
    """Each call is answered or cleanly refused, and the endpoint heals."""
    name = deployed(modelled(1), instances=2)
    runtime = box.client("sagemaker-runtime", retries={"total_max_attempts": 1})
    pids = {answered(runtime, name) for _ in range(2)}
    answers = []
    callers = [
        threading.Thread(target=lambda: answers.extend(answered(runtime, name) for _ in range(25)))
        for _ in range(8)
    ]

    for caller in callers:
        caller.start()
    os.kill(min(pids), signal.SIGKILL)
    for caller in callers:
        caller.join()

    def healed():
        found = {answered(runtime, name) for _ in range(2)} - {424, 503}
        return len(found) == 2 and min(pids) not in found

    until(healed)

    assert len(pids) == 2
    assert len(answers) == 200
    assert max(pids) in answers


def answered(runtime, name):
    """Return which process answered, or the status of a clean refusal."""
    try:
        answer = runtime.invoke_endpoint(EndpointName=name, Body=b"x")
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status in {424, 503}
        return status
    return json.load(answer["Body"])["pid"]


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


def test_lists_have_pages_filters_and_orders(sagemaker, modelled):
    """boto3's paginator sees each model once, the newest first."""
    made = [modelled(1) for _ in range(3)]

    pages = sagemaker.get_paginator("list_models").paginate(PaginationConfig={"PageSize": 2})
    names = [each["ModelName"] for page in pages for each in page["Models"]]
    by_name = sagemaker.list_models(SortBy="Name", SortOrder="Ascending", MaxResults=100)["Models"]

    assert names[:3] == made[::-1]
    assert len(names) == len(set(names))
    assert by_name == sorted(by_name, key=lambda each: each["ModelName"])
    assert refused(sagemaker.list_models, NextToken="x")[0] == "ValidationException"


def test_tags_are_kept_by_arn(sagemaker, named):
    """Those of the creation and those added later; an unknown ARN is refused."""
    arn = sagemaker.create_model(
        ModelName=named, PrimaryContainer=container(), Tags=[{"Key": "a", "Value": "1"}]
    )["ModelArn"]

    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])

    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert "Could not find resource" in refused(sagemaker.list_tags, ResourceArn=arn + "x")[1]
