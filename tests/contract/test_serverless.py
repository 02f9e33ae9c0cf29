"""Serverless endpoints by boto3 alone: asleep, not ready, throttled, and refused to pipelines."""

from __future__ import annotations

import threading
from itertools import count

import httpx
import pytest
from botocore.exceptions import ClientError

GATES = count(1)


def serverless(concurrency=2):
    """Write the size of a serverless variant."""
    return {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": concurrency}}


def test_a_cold_start_that_takes_too_long_is_not_ready(machine, endpoint, caller, mode, until):
    """ModelNotReadyException, which only one retry mode repeats; a later request is answered."""
    machine.needs("starts")
    slow = machine.container("a", environment={"READY_AFTER": "3"})
    name = endpoint(machine.config([slow], **serverless()))
    call = caller(machine)
    call(endpoint=name)  # it rests after its last request
    until(lambda: not any(machine.urls(name)))
    not_ready = machine.client("sagemaker-runtime", mode).exceptions.ModelNotReadyException

    def answered():
        try:
            return call(endpoint=name)
        except not_ready:
            return None

    error = call.error(endpoint=name)
    answer = until(answered)

    assert error["Error"]["Code"] == "ModelNotReadyException"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert error["ResponseMetadata"]["RetryAttempts"] == (mode == "legacy")
    assert answer["Body"]


def test_requests_above_the_concurrency_are_throttled(machine, endpoint, caller, direct, until):
    """One at a time; the other is refused and may try again."""
    name = endpoint(machine.config([machine.container("a")], **serverless(1)))
    gate, call, answers = f"serverless-{next(GATES)}", caller(machine), []
    waiting = threading.Thread(
        target=lambda: answers.append(call(endpoint=name, a={"wait": gate, "body": "1"})["Body"])
    )
    waiting.start()
    [url] = until(lambda: awake(machine, name))
    direct(url, {"reached": gate})

    error = call.error(endpoint=name)
    direct(url, {"open": gate})
    waiting.join()

    assert error["Error"]["Code"] == "ThrottlingException"
    assert answers == [b"1"]


def awake(machine, name):
    """Name the addresses of an endpoint's containers; none before each answers at its own."""
    urls = machine.urls(name)
    answers = all(urls) and all(httpx.get(f"{url}/ping", timeout=30).is_success for url in urls)
    return urls if answers else []


def test_a_pipeline_cannot_be_serverless(machine):
    """Refused when it is configured."""
    with pytest.raises(ClientError, match="serverless inference does not support inference pipel"):
        machine.config([machine.container(name) for name in "ab"], **serverless())
