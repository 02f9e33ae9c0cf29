"""The safe range: what is handed out, and what never is."""

from __future__ import annotations

import socket

import pytest

from stagewire_local.ports import NoPortsError, Ports


def everything_free(port: int) -> bool:
    """Stand in for a machine on which nothing else listens: other tests' doors do."""
    return port > 0


def test_blocks_never_overlap_and_lie_in_the_range():
    """Two containers of one host are never offered the same port."""
    ports = Ports(21000, 21049, free=everything_free)

    blocks = [ports.take() for _ in range(5)]

    offered = [port for block in blocks for port in range(block.bind, block.last + 1)]
    assert sorted(offered) == list(range(21000, 21050))
    assert blocks[0].safe_range == "21001-21009"
    with pytest.raises(NoPortsError):
        ports.take()


@pytest.mark.parametrize(
    ("first", "last", "binds"),
    [(8070, 8099, [8070, 8090]), (8071, 8100, [8081, 8091]), (8075, 8094, [8085])],
)
def test_8080_is_never_handed_out(first, last, binds):
    """An image that ignores SAGEMAKER_BIND_TO_PORT must fail here as it does there; nor is 8080 a port beside."""
    ports = Ports(first, last, free=everything_free)

    assert [ports.take().bind for _ in binds] == binds
    with pytest.raises(NoPortsError):
        ports.take()


def test_a_block_with_a_taken_port_is_skipped():
    """Whatever runs on this machine keeps its port."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]

        ports = Ports(taken - taken % 10, taken - taken % 10 + 9)

        with pytest.raises(NoPortsError):
            ports.take()


def test_a_released_block_comes_again_after_the_others():
    """A container that still ends must not meet its successor's requests."""
    ports = Ports(21000, 21029, free=everything_free)
    first = ports.take()
    ports.release(first)

    assert [ports.take().bind for _ in range(3)] == [21010, 21020, 21000]


@pytest.mark.parametrize("limits", [(80, 200), (21000, 21005), (65530, 65540)])
def test_a_range_that_cannot_serve_is_refused(limits):
    """The error names the range."""
    with pytest.raises(ValueError, match=f"{limits[0]}-{limits[1]}"):
        Ports(*limits)
