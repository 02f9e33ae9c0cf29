"""S3 and SNS as the queue reaches them: a real boto3 against a real moto server."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing

import boto3
import pytest
from moto.server import ThreadedMotoServer

from stagewire_local.async_config import AsyncConfig
from stagewire_local.aws import S3Objects, SnsTopics
from stagewire_local.storage import ObjectError, TopicError

TOPIC = "arn:aws:sns:eu-west-1:123456789012:good"


class Clients:
    """boto3's clients for one URL."""

    threads = None

    def __init__(self, url):
        self.session = boto3.Session("none", "none", region_name="eu-west-1")
        self.url = url
        self.made = {}

    def of(self, service):
        """Return the client of a service."""
        if service not in self.made:
            self.made[service] = self.session.client(service, endpoint_url=self.url)
        return self.made[service]

    def close(self):
        """Close the connections."""
        for client in self.made.values():
            client.close()


@pytest.fixture(scope="module")
def aws():
    """Give the clients of an account of its own, with the bucket `bucket`."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with closing(Clients(f"http://{host}:{port}")) as found:
        found.of("s3").create_bucket(
            Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        yield found
    server.stop()


def test_an_object_is_what_was_written(aws):
    """With its type, under a key of any characters."""
    objects, location = S3Objects(aws), "s3://bucket/a b/ü.csv"

    asyncio.run(objects.put(location, b"1,2", content_type="text/csv; charset=utf-8"))

    found = aws.of("s3").head_object(Bucket="bucket", Key="a b/ü.csv")
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
    aws.of("s3").put_object(Bucket="bucket", Key="large", Body=b"1234")

    with pytest.raises(ObjectError, match=words) as caught:
        asyncio.run(S3Objects(aws).get(location, limit=3))

    assert location in str(caught.value)


def test_a_bucket_that_is_not_there_takes_nothing(aws):
    """The location is in the message."""
    with pytest.raises(ObjectError, match="s3://nobody/key cannot be written"):
        asyncio.run(S3Objects(aws).put("s3://nobody/key", b"x", content_type=None))


def test_a_message_reaches_who_has_subscribed(aws):
    """As Lambda, a queue or an e-mail would be told."""
    sns = aws.of("sns")
    sqs = aws.of("sqs")
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
