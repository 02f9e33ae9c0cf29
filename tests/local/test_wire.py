"""What clients of other languages put on the wire: offers of other protocols, trailers, repetitions."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

BODY = b"M,0.455"
# As Java's HttpClient does with its first request to an http:// address, and `curl --http2`.
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
WEBSOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"


def request(*lines, body=BODY, length=True):
    """Write a request to the short cut, with header lines that end in CRLF."""
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\n" + b"".join(lines)
    if length:
        head += b"Content-Length: %d\r\n" % len(body)
    return head + b"\r\n" + body


def chunked(*trailers, lines=()):
    """Write a request whose body comes in one chunk, with trailers behind it."""
    body = b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(BODY), BODY, b"".join(trailers))
    return request(b"Transfer-Encoding: chunked\r\n", *lines, body=body, length=False)


def exchange(url, *parts, answers=1):
    """Send parts on one connection, each in packets of its own, and return the bodies of answers."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as caller:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            caller.sendall(part)
        file = caller.makefile("rb")
        return [answer(file) for _ in range(answers)]


def answer(file):
    """Read an answer: its status and its body."""
    status, size = file.readline().split()[1], 0
    while (line := file.readline().lower()) != b"\r\n":
        if line.startswith(b"content-length:"):
            size = int(line.partition(b":")[2])
    return int(status), file.read(size)


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
def test_another_protocol_is_declined_and_the_request_answered(chained, stub, offer):
    """A server may ignore the offer (RFC 9110 §7.8), but not the body that came with it."""
    url = chained(stub())
    offered, usual = request(offer), request()
    head = offered.index(b"\r\n\r\n") + 4

    whole = exchange(url, offered)
    cut = [exchange(url, offered[:at], offered[at:]) for at in (40, head, head + 1, -1)]
    several = exchange(url, offered + usual + offered + offered, answers=4)
    pieces = exchange(url, chunked(lines=[offer]))
    large = exchange(url, request(offer, body=bytes(300_000)))

    good = (200, BODY + b">")
    assert whole == [good]
    assert cut == [[good]] * 4
    assert several == [good] * 4
    assert pieces == [good]
    assert large == [(200, bytes(300_000) + b">")]


def test_an_offer_without_a_body_is_declined_too(chained, stub):
    """GET /ping of the same client."""
    url = chained(stub())

    found = exchange(
        url, b"GET /ping HTTP/1.1\r\nHost: x\r\n" + H2C + b"\r\n", request(), answers=2
    )

    assert found == [(200, b""), (200, BODY + b">")]


def test_trailers_are_no_headers(chained, stub):
    """What stands behind a body's chunks changes nothing that a container gets (RFC 9110 §6.5.1)."""
    one = stub()
    url = chained(one)

    found = exchange(url, chunked(b"Accept: image/png\r\n", b"Content-Type: image/png\r\n"))

    assert found == [(200, BODY + b">")]
    assert (one.got("accept"), one.got("content-type")) == (None, None)


def test_a_header_in_several_lines_is_one_list(chained, stub):
    """Accept may be cut into several lines, none of which is lost (RFC 9110 §5.2)."""
    one = stub()
    url = chained(one)

    exchange(
        url, request(b"Accept: text/csv\r\n", b"X: y\r\n", b"Accept: application/json;q=0.5\r\n")
    )

    assert one.got("accept") == "text/csv, application/json;q=0.5"


def test_a_header_that_is_said_twice_is_said_once(chained, stub):
    """A list of two equal media types would be no media type."""
    one = stub()
    url = chained(one)

    exchange(url, request(b"Content-Type: text/csv\r\n", b"content-type: text/csv\r\n"))

    assert one.got("content-type") == "text/csv"
