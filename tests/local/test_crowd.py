"""Many callers at once on a door that has just been opened."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# More than asyncio's own threads, of which Python has at most 32.
MANY = min(32, (os.cpu_count() or 1) + 4) + 6


def test_many_look_for_their_model_data_before_s3_is_loaded(door):
    """Whoever looks waits in a thread, and loading S3 needs one too: nobody waits for ever."""
    url = door()
    client = boto3.client(
        "sagemaker",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",  # noqa: S106 (nobody checks it)
        # What is looked for would last for ever; a machine with much else to do takes half a minute.
        config=Config(
            retries={"total_max_attempts": 1}, read_timeout=300, max_pool_connections=MANY
        ),
    )

    def create(number):
        where = f"s3://nobody/{number}.tar.gz"
        try:
            client.create_model(
                ModelName=f"m{number}",
                ExecutionRoleArn="arn:aws:iam::123456789012:role/SageMakerRole",
                PrimaryContainer={"Image": "stub", "ModelDataUrl": where},
            )
        except ClientError as error:
            return error.response["Error"]["Message"] == f"Could not find model data at {where}."

    with ThreadPoolExecutor(MANY) as threads:
        answered = list(threads.map(create, range(MANY)))
    client.close()

    assert answered == [True] * MANY
