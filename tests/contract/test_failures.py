"""What goes wrong on a machine: each a Failed endpoint or a clean error, with its reason."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from itertools import count
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import WaiterError

NUMBERS = count(1)
LISTENS = "0A"  # the kernel's number of the state
GIB = 1024**3


def failed(machine, containers, **members):
    """Create an endpoint that Fails, and return its reason."""
    sagemaker, name = machine.client("sagemaker"), f"fails-{next(NUMBERS)}"
    config = machine.config(containers, **members)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    with pytest.raises(WaiterError, match="Failed"):
        machine.wait(name)
    reason = sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]
    sagemaker.delete_endpoint(EndpointName=name)
    machine.wait(name, "endpoint_deleted")
    return reason


def test_a_container_that_exits_at_once_says_how(machine):
    """The exit code, and not only that it did not answer."""
    machine.needs("starts")

    assert "exited with code 1" in failed(machine, [machine.container("a", broken=True)])


def test_an_image_that_is_not_there_is_named(machine):
    """With what was looked for."""
    machine.needs("starts")

    assert "no-such-image" in failed(machine, [{"Image": "no-such-image:1"}])


def test_several_containers_need_the_label(machine):
    """The platform's words, in the reason of the endpoint."""
    machine.needs("labels")
    bare = {**machine.container("b"), "Image": machine.images["unlabelled"]}

    reason = failed(machine, [machine.container("a"), bare])

    assert f"Your Ecr Image {bare['Image']} does not contain required" in reason


def test_a_container_that_uses_too_much_memory_is_said_to(machine, endpoint, caller, until):
    """A serverless one has what its configuration says; its request is a ModelError."""
    machine.needs("memory")
    # Provisioned, so that it does not rest and forget.
    size = {"MemorySizeInMB": 1024, "MaxConcurrency": 1, "ProvisionedConcurrency": 1}
    name = endpoint(machine.config([machine.container("a")], ServerlessConfig=size))

    error = caller(machine).error(endpoint=name, a={"grow": 2 * GIB})

    assert error["OriginalStatusCode"] == 0
    trouble = until(lambda: only(machine, name)["trouble"])
    assert trouble == "was killed: it used more memory than its instance has"


def only(machine, name):
    """Return what the door tells of the only container of an endpoint."""
    found = httpx.get(f"{machine.url}/_stagewire/status", timeout=30).json()["endpoints"]
    [told] = [each for each in found if each["name"] == name]
    [container] = told["variants"][0]["instances"][0]["containers"]
    return container


def test_a_full_disk_is_said_to_be_full(cramped):
    """And not that S3 had no such object; the door goes on."""
    cramped.needs("models")
    large = {"weights.bin": os.urandom(512 * 1024)}

    reason = failed(cramped, [cramped.container("a", files=large)])

    assert "No space is left on this machine's disk for the model data of s3://contract/" in reason
    assert cramped.client("sagemaker").list_endpoints()["Endpoints"] == []


def test_nothing_listens_beyond_this_machine(pipe):
    """Neither the door nor what it has started; containers' ports are published there only."""
    if not Path("/proc/net/tcp").exists():
        pytest.skip("this system does not tell which process listens where")
    door = httpx.get(f"{pipe.url}/_stagewire/status", timeout=30).json()["pid"]
    inodes = {inode for pid in family(door) for inode in sockets(pid)}

    found = [address for inode, address in listening() if inode in inodes]

    assert found
    assert set(found) == {"127.0.0.1"}


def family(pid):
    """List a process and all that descend from it; what ends meanwhile has no children."""
    children = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    return [pid, *(one for child in children for one in family(child))]


def sockets(pid):
    """List the inodes of a process's sockets."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                target = str(link.readlink())
                if target.startswith("socket:["):
                    yield target[8:-1]


def listening():
    """List who listens: the socket's inode and its address."""
    for version in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{version}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == LISTENS:
                yield words[9], address(words[1].partition(":")[0])


def address(text):
    """Read an address as the kernel writes it: words of 32 bits in the machine's order."""
    packed = b"".join(
        struct.pack("=I", int(text[place : place + 8], 16)) for place in range(0, len(text), 8)
    )
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed)
