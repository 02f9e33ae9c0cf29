from __future__ import annotations

import functools
import itertools
import json
import re
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")


@pytest.fixture(params=["featurizer", "predictor", "script"])
def server(request, host):
    """Each stage as a process on a real port; the user's script has no short cut at all."""
    return host(request.param, "socket")


def request(hosted, *lines, body=None, method="POST", version="1.1"):
    """Write a request with an id of its own, so that answers can be compared."""
    body = hosted.csv[0].encode() + b"\n" if body is None else body
    head = [f"{method} /invocations HTTP/{version}", "Host: stage", "X-Request-Id: mine", *lines]
    if not any(line.startswith("Transfer-Encoding") for line in lines):
        head.append(f"Content-Length: {len(body)}")
    if not any(line.startswith("Content-Type") for line in lines):
        head.append("Content-Type: text/csv")
    return "\r\n".join([*head, "", ""]).encode() + body


def exchange(hosted, *pieces, answers=1):
    """Send pieces one by one, each as a packet of its own; returns all bytes of that many answers."""
    with socket.create_connection(("127.0.0.1", hosted.server.port), timeout=30) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found = b""
        for place, piece in enumerate(pieces):
            wire.sendall(piece)
            if place + 1 < len(pieces):
                # A round trip on another connection: the server has read the piece by then.
                hosted.ping()
        while len(complete(found)) < answers and (more := wire.recv(65536)):
            found += more
    return found


def complete(received):
    """Cut received bytes into whole answers."""
    found = []
    while (end := received.find(b"\r\n\r\n")) >= 0:
        stated = re.search(rb"content-length: (\d+)", received[:end])
        length = int(stated[1] if stated else 0) + end + 4
        if len(received) < length:
            break
        found.append(received[:length])
        received = received[length:]
    return found


def test_a_request_in_pieces_is_answered_as_in_one(server):
    """However a request is cut, status, headers and body are the same bytes."""
    whole = request(server)
    body = whole.index(b"\r\n\r\n") + 4
    wanted = exchange(server, whole)

    found = [
        exchange(server, whole[:cut], whole[cut:]) for cut in (1, 40, body - 2, body, body + 1, -1)
    ]

    assert STATUS.match(wanted)[1] == b"200"
    assert b"\r\nx-request-id: mine\r\n" in wanted
    assert found == [wanted] * len(found)


def test_requests_one_after_the_other(server):
    """Pipelined requests, usual ones and refused ones, are answered in order on one connection."""
    usual = request(server)
    odd = request(server, "Accept: image/png")
    wanted = [complete(exchange(server, each))[0] for each in (usual, odd, usual, usual)]

    in_one = exchange(server, usual + odd + usual + usual, answers=4)
    cut = exchange(server, usual + odd + usual + usual[:-3], usual[-3:], answers=4)

    assert complete(in_one) == complete(cut) == wanted
    assert [STATUS.match(each)[1] for each in wanted] == [b"200", b"406", b"200", b"200"]


def test_a_larger_body_alone_and_in_a_crowd(server):
    """On the loop when nothing else is in work, in the pool otherwise: the same bytes."""
    row = server.csv[0].encode() + b"\n"
    large = request(server, body=row * (40_000 // len(row)))
    alone = exchange(server, large)

    in_one = exchange(server, large * 4, answers=4)

    assert STATUS.match(alone)[1] == b"200"
    assert complete(in_one) == [alone] * 4


def variants(hosted):
    """Write requests that differ in little, some with one head, some to be refused."""
    row = hosted.csv[0].encode() + b"\n"
    bad = row.replace(b"0", b"x")
    hop = "Content-Type: text/csv; sw-id={}; sw-origin=csv".format
    return [
        request(hosted),
        request(hosted, body=bad),
        request(hosted, body=row[:-1]),
        request(hosted, hop("one")),
        request(hosted, hop("two")),
        request(hosted, hop("two"), body=bad),
        request(hosted, hop('"two"')),
        request(hosted, "X-Own: a; sw-id=one"),
        request(hosted, "X-Own: a; sw-id=one", hop("two")),
        request(hosted, "Accept: application/json"),
        request(hosted, "Accept: image/png"),
        request(hosted, "Content-Type: text/csv", "Content-Type: text/csv"),
        b"GET /ping HTTP/1.1\r\nHost: stage\r\n\r\n",
        b"\r\n" + request(hosted),
    ]


@pytest.fixture(scope="module")
def alone(host):
    """The answer to each variant alone and in two pieces, which are always parsed, by stage."""

    @functools.cache
    def found(name):
        hosted = host(name, "socket")
        return hosted, [exchange(hosted, each[:7], each[7:]) for each in variants(hosted)]

    return found


@settings(max_examples=40, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", ["featurizer", "predictor"])
def test_a_head_that_came_before_means_the_same(alone, name, data):
    """In any order, on one connection, cut or sent together: each request gets what it would get alone."""
    hosted, wanted = alone(name)
    places = data.draw(st.lists(st.integers(0, len(wanted) - 1), min_size=1, max_size=8))
    chosen = [variants(hosted)[place] for place in places]
    whole = b"".join(chosen)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=4)))
    together = [whole[a:b] for a, b in itertools.pairwise([0, *cuts, len(whole)])]
    pieces = chosen if data.draw(st.booleans()) else together

    found = exchange(hosted, *pieces, answers=len(chosen))

    assert found == b"".join(wanted[place] for place in places)


def test_a_body_that_looks_like_a_request_is_a_body(server):
    """Even when it comes in a packet of its own, and such a request was answered before."""
    inner = request(server)
    outer = request(server, "Content-Type: application/json", body=inner)
    head = len(outer) - len(inner)
    usual = exchange(server, inner)

    found = exchange(server, outer[:head], inner, inner, answers=2)

    refused, answered = complete(found)
    assert STATUS.match(refused)[1] == b"400"
    assert answered == usual


def test_a_head_that_looks_like_a_request_is_a_head(server):
    """A packet is no request of its own while one is begun."""
    usual = request(server)
    wanted = exchange(server, usual)

    found = exchange(server, b"GET /ping HTTP/1.1\r\nX-Own: ", usual, usual, answers=2)

    assert complete(found) == [b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", wanted]


def test_pings_between_requests(server):
    """Answered in order, with an empty body, by GET and HEAD, alone or in company; nothing else of it."""
    usual, ping = request(server), b"GET /ping HTTP/1.1\r\nHost: stage\r\n\r\n"
    wanted = complete(exchange(server, usual))
    pong = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"

    found = complete(exchange(server, ping + usual + ping + ping + usual, answers=5))
    head = exchange(server, ping.replace(b"GET", b"HEAD"))
    posted = exchange(server, ping.replace(b"GET", b"POST"))
    asked = exchange(server, ping.replace(b"/ping", b"/ping?a=1"))

    assert found == [pong, *wanted, pong, pong, *wanted]
    assert (head, asked) == (pong, pong)
    assert STATUS.match(posted)[1] == b"405"


def test_what_is_no_plain_post_is_answered_too(server):
    """Chunks, a connection to be closed, HTTP/1.0 and 100-continue give the same body."""
    wanted = complete(exchange(server, request(server)))[0].partition(b"\r\n\r\n")[2]
    body = server.csv[0].encode() + b"\n"
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    found = [
        exchange(server, request(server, "Transfer-Encoding: chunked", body=chunks)),
        exchange(server, request(server, "Connection: close")),
        exchange(server, request(server, version="1.0")),
        exchange(server, request(server, "Expect: 100-continue"), answers=2),
    ]

    assert all(each.endswith(wanted) for each in found)
    assert [b"connection: close" in each for each in found] == [False, True, True, False]


def test_refusals_have_the_one_shape(server):
    """An encoding, a missing type, an empty body and another method are refused as ever."""
    sent = [
        request(server, "Content-Encoding: gzip"),
        request(server, "Content-Type: image/png"),
        request(server, body=b""),
        request(server, method="PUT"),
    ]

    found = [exchange(server, each) for each in sent]

    statuses = [int(STATUS.match(each)[1]) for each in found]
    assert statuses[0] == statuses[1] == 415
    assert statuses[2:] == [400, 405]
    assert all(b'"request_id"' in each for each in found)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"POST /invocations HTTP/1.1\r\nHost: stage\r\nContent-Length: many\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nHost: stage\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_is_refused_in_the_one_shape_too(server, sent):
    """TLS on a plain port, a length that is none, a chunk of no size: 400, and the connection ends."""
    (found,) = complete(exchange(server, sent))
    head, _, body = found.partition(b"\r\n\r\n")
    error = json.loads(body)["error"]

    assert STATUS.match(head)[1] == b"400"
    assert b"connection: close" in head
    assert (error["code"], error["rows"]) == ("malformed", [])
    assert f"x-request-id: {error['request_id']}".encode() in head


def test_repeated_headers_are_one_list(server):
    """Accept may be cut into several headers in any order; Content-Type may not differ."""
    sent = [
        request(server, "Accept: text/csv", "Accept: image/png"),
        request(server, "Accept: image/png", "Accept: text/csv"),
        request(server, "Content-Type: text/csv", "Content-Type: text/csv"),
        request(server, "Content-Type: text/csv", "Content-Type: application/json"),
    ]

    found = [exchange(server, each) for each in sent]

    assert [int(STATUS.match(each)[1]) for each in found] == [200, 200, 200, 400]
    assert found[0] == found[1]
    assert b"more than one Content-Type: 'text/csv' and 'application/json'" in found[3]


@pytest.mark.parametrize(
    "lines", [(), ("Connection: close",), ("Accept: text/csv",)], ids=["plain", "close", "accept"]
)
def test_trailers_are_no_headers(server, lines):
    """What stands behind a body's chunks changes neither id nor formats (RFC 9110 §6.5.1)."""
    body = server.csv[0].encode() + b"\n"
    chunk, lines = b"%x\r\n%b\r\n0\r\n" % (len(body), body), ("Transfer-Encoding: chunked", *lines)
    evil = b"X-Request-Id: evil\r\nAccept: image/png\r\nContent-Type: image/png\r\nExpect: 100-continue\r\n"
    wanted = exchange(server, request(server, *lines, body=chunk + b"\r\n"))

    found = exchange(server, request(server, *lines, body=chunk + evil + b"\r\n"))
    late = exchange(server, request(server, *lines, body=chunk), evil + b"\r\n")

    assert STATUS.match(wanted)[1] == b"200"
    assert found == late == wanted


H2C = (
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
)


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_another_protocol_is_declined_and_the_request_answered(server, protocol):
    """Java's HttpClient offers HTTP/2 with every first request; its body is not lost by that."""
    usual = request(server)
    lines = [line.replace("h2c", protocol) for line in H2C]
    body = server.csv[0].encode() + b"\n"
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    offered = request(server, *lines)
    wanted = exchange(server, usual)

    head = offered.index(b"\r\n\r\n") + 4
    found = [exchange(server, offered)]
    found += [exchange(server, offered[:cut], offered[cut:]) for cut in (40, head, head + 1, -1)]
    found.append(
        exchange(server, request(server, *lines, "Transfer-Encoding: chunked", body=chunks))
    )
    several = exchange(server, offered + usual + offered + offered, answers=4)

    assert found == [wanted] * len(found)
    assert complete(several) == [wanted] * 4
