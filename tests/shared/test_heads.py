from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewire.asked import Asked
from stagewire.headers import Headers
from stagewire.heads import LARGEST, MOST, Heads

HOP = "application/x-npy; sw-id={}; sw-origin=csv; sw-bad-rows=fail"
BODY = b"1,2\n"


def request(kind="text/csv", *lines, body=BODY):
    """Write a request; returns its bytes and what its headers ask."""
    stated = [("Host", "stage"), ("Content-Type", kind), *lines]
    stated.append(("Content-Length", str(len(body))))
    head = "".join(f"{name}: {value}\r\n" for name, value in stated)
    pairs = [(name.lower().encode(), value.encode()) for name, value in stated]
    return f"POST /invocations HTTP/1.1\r\n{head}\r\n".encode() + body, Asked.of(Headers(pairs))


def kept(*requests):
    """Know the heads of these requests."""
    heads = Heads()
    for data, asked in requests:
        heads.keep(data, asked, BODY)
    return heads


def test_a_known_head_is_found_with_any_body_of_its_length():
    """Head by its bytes, body as it came."""
    data, asked = request("text/csv", ("Accept", "application/json"), ("X-Request-Id", "mine"))

    found = kept((data, asked)).find(data[: -len(BODY)] + b"9,9\n")

    assert found == (asked, None, b"9,9\n")
    assert (asked.kind, asked.accept, asked.id) == ("text/csv", "application/json", "mine")


def test_only_the_id_may_differ_and_is_the_new_one():
    """Between two stages nothing but the id differs from request to request."""
    heads = kept(request(HOP.format("one")))
    data, asked = request(HOP.format("two-2_2.2"))

    found, passed, body = heads.find(data)

    assert (found.kind, passed, body) == (asked.kind, "two-2_2.2", BODY)
    assert heads.find(request(HOP.format("one").replace("csv", "npy"))[0]) is None


@pytest.mark.parametrize("id_", ["", '"two"', "a b", "ü", "a" * 65, "a\r\nX-Evil: 1", "two; x=y"])
def test_what_is_no_id_is_not_taken_for_one(id_):
    """An id that is absent, quoted, or ends anything but the value leads to no head that is known."""
    data = request(HOP)[0].replace(b"{}", id_.encode())

    assert kept(request(HOP.format("one"))).find(data) is None


@pytest.mark.parametrize(
    "odd",
    [
        request(HOP.format(""))[0],
        request("text/csv", ("X-Own", "a; sw-id=one"))[0],
        request(HOP.format("one"), ("X-Own", "a; sw-id=one"))[0],
        request("text/csv", ("X-Own", "a" * LARGEST))[0],
        request()[0] * 2,
        request()[0] + b"\r\n",
        b"\r\n\r\n" + request()[0],
        request("text/csv", ("Transfer-Encoding", "chunked"), body=b"4\r\n1,2\n\r\n0\r\n\r\n")[0],
    ],
    ids=["no id", "elsewhere", "twice", "large", "two", "more", "lines before", "chunks"],
)
def test_what_is_not_kept(odd):
    """An id elsewhere or twice, a large head, and what is not one request with its body behind it."""
    kind = HOP.format("one") if b"x-npy; sw-id=one" in odd else "text/csv"
    heads = Heads()

    heads.keep(odd, request(kind)[1], BODY)

    assert heads.find(odd) is None
    assert not heads.known


def test_another_length_is_another_request():
    """A body that is not whole, or with something behind it, is not taken by its head."""
    data, asked = request()
    heads = kept((data, asked))

    assert heads.find(data) is not None
    assert [heads.find(each) for each in (data[:-1], data + b"1", data[:-4], b"", data[:20])] == (
        [None] * 5
    )


def test_callers_cannot_fill_the_memory():
    """However many heads come, a bounded number is kept, the newest among them."""
    heads, sizes = Heads(), []
    for i in range(3 * MOST):
        data, asked = request("text/csv", ("X-Request-Id", f"{i}"))
        heads.keep(data, asked, BODY)
        sizes.append(len(heads.known))
        assert heads.find(data) is not None

    assert max(sizes) == MOST


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 400))
def test_no_other_bytes_are_known(noise, start, end):
    """Whatever is cut out of a known request, or put into it, it is known only as it was."""
    data, asked = request(HOP.format("one"))
    heads, changed = kept((data, asked)), data[:start] + noise + data[end:]

    found = heads.find(changed)

    if found is not None:
        passed, body = found[1:]
        assert changed == request(HOP.format(passed), body=body)[0]
