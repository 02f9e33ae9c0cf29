"""The AWS around the endpoints, on the same port, as unmodified boto3 sees it."""

from __future__ import annotations

import json

import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError


def test_an_s3_object_may_be_called_like_a_route_of_the_runtime(box):
    """The signature's scope tells them apart, and not the path."""
    s3 = box.client("s3")
    s3.create_bucket(Bucket="endpoints")

    s3.put_object(Bucket="endpoints", Key="x/invocations", Body=b"an object")

    assert s3.get_object(Bucket="endpoints", Key="x/invocations")["Body"].read() == b"an object"
    with pytest.raises(ClientError, match="Endpoint x of account"):
        box.client("sagemaker-runtime").invoke_endpoint(EndpointName="x", Body=b"")


def test_a_presigned_url_needs_no_header(box, client):
    """The scope then stands in the query."""
    s3 = box.client("s3")
    s3.create_bucket(Bucket="presigned")
    s3.put_object(Bucket="presigned", Key="a", Body=b"an object")

    url = s3.generate_presigned_url("get_object", Params={"Bucket": "presigned", "Key": "a"})

    assert client.get(url).content == b"an object"


@pytest.mark.parametrize("path", ["/endpoints/x/invocation", "/_stagewire/nothing"])
def test_a_request_without_signature_below_a_route_of_the_runtime_is_its_own(box, client, path):
    """A curl to a wrong path there gets the door's JSON, not a bucket listing."""
    response = client.post(f"{box.url}{path}")

    assert response.status_code == 404
    assert response.headers["x-amzn-errortype"] == "UnknownOperationException"


@pytest.mark.parametrize("path", ["/invocations/", "/invocation", "/endpoints", "/a/b"])
def test_a_row_that_is_sent_to_a_wrong_path_gets_the_doors_words(box, client, path):
    """S3 takes nothing but forms and queries by POST, and would fail at a CSV."""
    response = client.post(f"{box.url}{path}", content=b"1,2", headers={"Content-Type": "text/csv"})

    assert response.status_code == 404
    assert response.json()["Message"] == (
        f"POST {path} is no operation of the SageMaker Runtime API."
    )


def test_an_object_that_is_public_needs_no_signature(box):
    """As a client reads it that signs nothing."""
    s3 = box.client("s3")
    s3.create_bucket(Bucket="public")
    s3.put_object(Bucket="public", Key="a", Body=b"an object", ACL="public-read")

    anybody = box.client("s3", signature_version=UNSIGNED)

    assert anybody.get_object(Bucket="public", Key="a")["Body"].read() == b"an object"


def test_a_form_may_upload_an_object(box, client):
    """The signature of generate_presigned_post stands in the form's own fields."""
    s3 = box.client("s3")
    s3.create_bucket(Bucket="posted")
    form = s3.generate_presigned_post("posted", "a")

    response = client.post(form["url"], data=form["fields"], files={"file": b"an object"})

    assert response.status_code == 204
    assert s3.get_object(Bucket="posted", Key="a")["Body"].read() == b"an object"


def test_a_notice_travels_from_sns_to_sqs(box):
    """What a notebook reads of an asynchronous endpoint."""
    sns, sqs = box.client("sns"), box.client("sqs")
    topic = sns.create_topic(Name="done")["TopicArn"]
    queue = sqs.create_queue(QueueName="done")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    arn = attributes["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    sns.publish(TopicArn=topic, Message="finished")

    [message] = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert json.loads(message["Body"])["Message"] == "finished"


def test_the_other_services_are_there(box):
    """One call to each that the deploy path and the scaling of endpoints need."""
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/e/variant/v",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }

    account = box.client("sts").get_caller_identity()["Account"]
    repository = box.client("ecr").create_repository(repositoryName="stagewire/stub")
    token = box.client("ecr").get_authorization_token()["authorizationData"]
    box.client("application-autoscaling").register_scalable_target(
        **target, MinCapacity=1, MaxCapacity=2
    )
    box.client("logs").create_log_group(logGroupName="/aws/sagemaker/Endpoints/e")
    box.client("cloudwatch").put_metric_data(
        Namespace="tests", MetricData=[{"MetricName": "one", "Value": 1}]
    )

    assert account == "123456789012"
    assert repository["repository"]["repositoryUri"].endswith("/stagewire/stub")
    assert token[0]["authorizationToken"]


def test_a_stack_of_cloudformation_makes_its_resources(box):
    """Those of the AWS around; SageMaker's own types are not moto's to make."""
    resources = {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "stacked"}}}
    cloudformation = box.client("cloudformation")

    cloudformation.create_stack(
        StackName="stack", TemplateBody=json.dumps({"Resources": resources})
    )

    [stack] = cloudformation.describe_stacks(StackName="stack")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert box.client("s3").head_bucket(Bucket="stacked")


@pytest.mark.parametrize("by", ["TemplateBody", "TemplateURL"])
def test_a_stack_with_an_endpoint_is_refused(box, by):
    """It would be said to be complete, and nothing would answer."""
    model = {"Type": "AWS::SageMaker::Model", "Properties": {"ExecutionRoleArn": "r"}}
    body = json.dumps({"Resources": {"Model": model}})
    s3 = box.client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="t.json", Body=body.encode())
    template = {"TemplateBody": body, "TemplateURL": "https://s3.amazonaws.com/templates/t.json"}[
        by
    ]

    with pytest.raises(ClientError) as caught:
        box.client("cloudformation").create_stack(StackName=f"refused-{by}", **{by: template})

    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "AWS::SageMaker::Model" in response["Error"]["Message"]
    assert "SageMaker's own API" in response["Error"]["Message"]


def test_what_the_box_does_not_have_is_a_4xx_that_names_it(box):
    """SDKs would repeat an HTML 500 and then show nothing of it."""
    with pytest.raises(ClientError) as caught:
        box.client("iam").generate_service_last_accessed_details(
            Arn="arn:aws:iam::123456789012:role/r"
        )

    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert response["Error"]["Code"] == "UnsupportedOperation"
    assert "iam" in response["Error"]["Message"]
