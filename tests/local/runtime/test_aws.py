"""S3 and SNS as the queue reaches them: a real boto3 against a real moto server."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing

import pytest
from moto.server import ThreadedMotoServer

from stagewire_local.async_config import AsyncConfig
from stagewire_local.aws import Aws, S3Objects, SnsTopics
from stagewire_local.storage import ObjectError, TopicError

TOPIC = "arn:aws:sns:eu-west-1:123456789012:good"


@pytest.fixture(scope="module")
def aws():
    """Give the clients of an account of its own, with the bucket `bucket`."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with closing(Aws(f"http://{host}:{port}")) as found:
        found.client("s3").create_bucket(Bucket="bucket")
        yield found
    server.stop()


def test_an_object_is_what_was_written(aws):
    """With its type, under a key of any characters."""
    objects, location = S3Objects(aws), "s3://bucket/a b/ü.csv"

    asyncio.run(objects.put(location, b"1,2", content_type="text/csv; charset=utf-8"))

    found = aws.client("s3").head_object(Bucket="bucket", Key="a b/ü.csv")
    assert asyncio.run(objects.get(location, limit=3)) == b"1,2"
    assert found["ContentType"] == "text/csv; charset=utf-8"


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("s3://bucket/none", "NoSuchKey"),
        ("s3://nobody/key", "NoSuchBucket"),
        ("s3://bucket/large", "the maximum is 3"),
    ],
)
def test_an_object_that_cannot_be_read_is_named(aws, location, words):
    """Whoever reads the failure learns which it was and why."""
    aws.client("s3").put_object(Bucket="bucket", Key="large", Body=b"1234")

    with pytest.raises(ObjectError, match=words) as caught:
        asyncio.run(S3Objects(aws).get(location, limit=3))

    assert location in str(caught.value)


def test_a_bucket_that_is_not_there_takes_nothing(aws):
    """The location is in the message."""
    with pytest.raises(ObjectError, match="s3://nobody/key cannot be written"):
        asyncio.run(S3Objects(aws).put("s3://nobody/key", b"x", content_type=None))


def test_a_message_reaches_who_has_subscribed(aws):
    """In the region of the topic, whichever the door's is."""
    sns = aws.client("sns", region="eu-west-1")
    sqs = aws.client("sqs", region="eu-west-1")
    topic = sns.create_topic(Name="good")["TopicArn"]
    queue = sqs.create_queue(QueueName="queue")["QueueUrl"]
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-1:123456789012:queue"
    )

    asyncio.run(SnsTopics(aws).publish(topic, '{"eventName": "InferenceResult"}'))

    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(message["Body"])
    assert topic == TOPIC
    assert json.loads(body["Message"]) == {"eventName": "InferenceResult"}


def test_a_topic_that_is_not_there_is_named(aws):
    """The queue logs it and goes on."""
    with pytest.raises(TopicError, match="nobody takes no message"):
        asyncio.run(SnsTopics(aws).publish(TOPIC.replace("good", "nobody"), "x"))


def test_the_least_configuration_has_defaults():
    """Topics, failure path and concurrency may all be absent."""
    found = AsyncConfig.of(
        {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://bucket/out"}}}
    )

    assert found == AsyncConfig(output="s3://bucket/out")
