"""Model data in each of the platform's forms, as containers find it."""

from __future__ import annotations

from itertools import count

import pytest
from botocore.exceptions import ClientError

BUCKET = "contract"
NUMBERS = count(1)


@pytest.fixture
def source(machine):
    """Give a function that writes objects and a container that takes its model from them."""
    machine.needs("models")

    def write(files, at, kind, compression):
        root = f"data-{next(NUMBERS)}/"
        for name, content in files.items():
            machine.client("s3").put_object(Bucket=BUCKET, Key=root + name, Body=content)
        found = machine.container("a")
        del found["ModelDataUrl"]
        where = {
            "S3Uri": f"s3://{BUCKET}/{root}{at}",
            "S3DataType": kind,
            "CompressionType": compression,
        }
        return {**found, "ModelDataSource": {"S3DataSource": where}}

    return write


def test_objects_under_a_prefix_are_files(machine, source, endpoint, caller):
    """Named by what follows the prefix."""
    files = {"m/weights.bin": b"1" * 70000, "m/code/inference.py": b"2", "other": b"3"}

    name = endpoint(machine.config([source(files, "m/", "S3Prefix", "None")]))

    _, seen = caller(machine).seen(endpoint=name)
    assert seen["model"] == ["code", "code/inference.py", "weights.bin"]


def test_one_object_is_one_file(machine, source, endpoint, caller):
    """Named by the last part of its key."""
    name = endpoint(
        machine.config([source({"m/model.ubj": b"1"}, "m/model.ubj", "S3Object", "None")])
    )

    _, seen = caller(machine).seen(endpoint=name)
    assert seen["model"] == ["model.ubj"]


def test_an_archive_is_unpacked_as_from_a_model_data_url(machine, source, endpoint, caller):
    """The two ways to say it are one."""
    key = machine.model().removeprefix(f"s3://{BUCKET}/")
    body = machine.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()

    name = endpoint(machine.config([source({"m.tar.gz": body}, "m.tar.gz", "S3Object", "Gzip")]))

    _, seen = caller(machine).seen(endpoint=name)
    assert seen["model"] == ["model.bin"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"m/": b"", "m/a": b"1"}, "does not name a file"),
        ({"m/a": b"1", "m/a/b": b"2"}, "a file and a folder at once"),
        ({"m/../x": b"1"}, "does not name a file"),
    ],
)
def test_keys_that_name_no_files_fail_the_endpoint(machine, source, files, words):
    """A folder made in S3's console is such a key."""
    sagemaker, name = machine.client("sagemaker"), f"keys-{next(NUMBERS)}"
    config = machine.config([source(files, "m/", "S3Prefix", "None")])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)

    with pytest.raises(Exception, match="Failed"):
        machine.wait(name)

    reason = sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]
    sagemaker.delete_endpoint(EndpointName=name)
    assert words in reason


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (("m/", "S3Prefix", "Gzip"), "CompressionType Gzip is not implemented"),
        (("m", "S3Prefix", "None"), "must end with a forward slash"),
        (("nobody/", "S3Prefix", "None"), "Could not find model data at"),
        (("nobody", "S3Object", "None"), "Could not find model data at"),
    ],
)
def test_what_cannot_be_brought_is_refused_at_once(machine, source, where, words):
    """When the model is created, by name."""
    container = source({"m/a": b"1"}, *where)

    with pytest.raises(ClientError, match=words):
        machine.config([container])
