"""The runtime API on the wire: what it takes, what it refuses, and in which words."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from stagewire_local.bundle import connected
from stagewire_local.limits import MIB, Limits


def test_a_good_answer_carries_the_platforms_headers(chained, client, stub):
    """The variant and a request id stand on every answer."""
    url = chained(stub())

    response = client.post(f"{url}/endpoints/pipe/invocations", content=b"x")

    assert response.headers["x-amzn-invoked-production-variant"] == "AllTraffic"
    assert len(response.headers["x-amzn-requestid"]) == 36


def test_the_short_cut_answers_like_the_only_endpoint(chained, client, stub):
    """POST /invocations and GET /ping are those of the only endpoint."""
    url = chained(stub(), stub())

    assert client.post(f"{url}/invocations", content=b"x").content == b"x>>"
    assert client.get(f"{url}/ping").status_code == 200


def test_the_short_cut_needs_exactly_one_endpoint(door, stubs, stub, client):
    """With none or several it says so, and which there are."""
    [one] = stubs(stub())
    several = door(connected(f"a={one.url}"), connected(f"b={one.url}"))
    none = door()

    for url, words in ((several, "has 2 (a, b)"), (none, "has none")):
        for response in (client.post(f"{url}/invocations"), client.get(f"{url}/ping")):
            assert response.status_code == 400
            assert response.headers["x-amzn-errortype"] == "ValidationError"
            assert words in response.json()["Message"]


def test_an_unknown_endpoint_is_refused_in_the_platforms_words(chained, client, stub):
    """The status is 400, not 404."""
    url = chained(stub())

    response = client.post(f"{url}/endpoints/nobody/invocations", content=b"x")

    assert response.status_code == 400
    assert response.headers["x-amzn-errortype"] == "ValidationError"
    assert response.json() == {"Message": "Endpoint nobody of account 123456789012 not found."}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("Target-Container-Hostname", "container-2"), "Serial"),
        (("Target-Variant", "Other"), "Variant Other not found"),
        (("Target-Model", "a.tar.gz"), "multi-model"),
        (("Inference-Component", "c"), "no inference components"),
        (("Enable-Explanations", "`true`"), "ClarifyExplainerConfig"),
        (("Custom-Attributes", "é"), "ASCII"),
        (("Custom-Attributes", "a" * 1025), "1024"),
        (("Inference-Id", "a" * 65), "1 to 64"),
        (("Inference-Id", "\u00e9"), "1 to 64"),
    ],
)
def test_targets_that_a_serial_pipeline_lacks_are_refused(chained, client, stub, given, words):
    """A request that the platform refuses reaches no container."""
    one = stub()
    url = chained(one)
    name, value = given

    response = client.post(
        f"{url}/endpoints/pipe/invocations",
        content=b"x",
        headers={f"X-Amzn-SageMaker-{name}": value.encode()},
    )

    assert response.status_code == 400
    assert response.headers["x-amzn-errortype"] == "ValidationError"
    assert words in response.json()["Message"]
    assert one.seen == []


def test_the_variant_that_exists_may_be_named(chained, client, stub):
    """TargetVariant AllTraffic is what every pipeline has."""
    url = chained(stub())

    response = client.post(
        f"{url}/endpoints/pipe/invocations",
        content=b"x",
        headers={"X-Amzn-SageMaker-Target-Variant": "AllTraffic"},
    )

    assert response.status_code == 200


def test_a_hint_for_routing_changes_nothing(chained, client, stub):
    """PrefixAwareId is for caches of language models; it is no reason to refuse a request."""
    one = stub()
    url = chained(one)

    response = client.post(
        f"{url}/endpoints/pipe/invocations",
        content=b"x",
        headers={"X-Amzn-SageMaker-Prefix-Aware-Id": "p"},
    )

    assert response.content == b"x>"
    assert one.got("x-amzn-sagemaker-prefix-aware-id") is None


@pytest.mark.parametrize("name", ["a/b", "arn:aws:sagemaker:us-east-1:123456789012:endpoint/pipe"])
def test_a_name_with_a_slash_is_that_of_no_endpoint(chained, clients, stub, name):
    """boto3 writes it as %2F; the caller learns that it is no name, not that it is no operation."""
    runtime = clients(chained(stub()), "sagemaker-runtime")

    with pytest.raises(runtime.exceptions.ValidationError) as caught:
        runtime.invoke_endpoint(EndpointName=name, Body=b"x")

    assert f"Endpoint {name} of account 123456789012 not found." in str(caught.value)


def test_an_operation_that_is_not_built_is_named(chained, client, stub):
    """It answers a clear 4xx, never an HTML 500."""
    url = chained(stub())

    response = client.post(f"{url}/endpoints/pipe/invocations-bidirectional-stream", content=b"x")

    assert response.status_code == 400
    assert "InvokeEndpointWithBidirectionalStream" in response.json()["Message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/endpoints/pipe/invocations"),
        ("PUT", "/invocations"),
        ("POST", "/ping"),
        ("POST", "/endpoints//invocations"),
        ("POST", "/endpoints/a/b/invocations"),
    ],
)
def test_anything_else_is_a_clear_404(chained, client, stub, method, path):
    """The answer is JSON that names method and path."""
    url = chained(stub())

    response = client.request(method, url + path)

    assert response.status_code == 404
    assert response.headers["x-amzn-errortype"] == "UnknownOperationException"
    assert response.json()["Message"].startswith(f"{method} {path} ")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_25_mb_is_refused_and_the_connection_survives(chained, client, stub, chunked):
    """It is counted whether its length is announced or not, and no container sees it."""
    one = stub()
    url = chained(one)
    body = iter([bytes(13 * MIB)] * 2) if chunked else bytes(26 * MIB)

    response = client.post(f"{url}/endpoints/pipe/invocations", content=body)

    assert response.status_code == 413
    assert response.headers["x-amzn-errortype"] == "ValidationError"
    assert one.seen == []
    assert client.post(f"{url}/invocations", content=b"x").content == b"x>"


def test_a_body_of_exactly_the_limit_passes(chained, client, stub):
    """The limit is inclusive."""
    url = chained(stub(body=b"ok"), limits=Limits(body_bytes=1000))

    assert client.post(f"{url}/invocations", content=bytes(1000)).status_code == 200
    assert client.post(f"{url}/invocations", content=bytes(1001)).status_code == 413


def test_a_caller_that_asks_first_is_refused_before_it_sends(chained, stub):
    """With Expect: 100-continue the body is never sent, and the connection ends."""
    address = urlsplit(chained(stub()))

    with socket.create_connection((address.hostname, address.port), timeout=10) as caller:
        caller.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Content-Length: 99999999\r\n\r\n"
        )
        answer = b""
        while chunk := caller.recv(65536):
            answer += chunk

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()


def test_a_caller_that_hangs_up_harms_nobody(chained, client, stub):
    """Half a request is forgotten, and the next one is answered."""
    url = chained(stub())
    address = urlsplit(url)

    with socket.create_connection((address.hostname, address.port)) as caller:
        caller.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")

    assert client.post(f"{url}/invocations", content=b"x").status_code == 200


def test_status_tells_endpoints_containers_and_counts(chained, client, stub):
    """The admin route is what `local status` prints."""
    one, two = stub(), stub(status=500)
    url = chained(one, two)
    client.post(f"{url}/invocations", content=b"x")

    [endpoint] = client.get(f"{url}/_stagewire/status").json()["endpoints"]

    [instance] = endpoint["variants"][0]["instances"]
    assert (endpoint["name"], endpoint["state"]) == ("pipe", "InService")
    assert (endpoint["requests"], endpoint["errors"]) == (1, 1)
    assert [each["hostname"] for each in instance["containers"]] == ["container-1", "container-2"]
    assert [each["url"] for each in instance["containers"]] == [one.url, two.url]
    assert all(each["healthy"] for each in instance["containers"])


def test_a_container_that_fails_its_pings_takes_no_requests_until_it_is_back(
    chained, client, stub, until
):
    """Meanwhile callers get 503 ServiceUnavailable, which every SDK tries again."""
    one = stub()
    url = chained(one, limits=Limits(watch_seconds=0.01, watch_misses=2, backoff_seconds=0.1))
    one.ping = 503
    until(lambda: client.get(f"{url}/ping").status_code == 503)

    refused = client.post(f"{url}/invocations", content=b"x")
    one.ping = 200
    until(lambda: client.get(f"{url}/ping").status_code == 200)
    answered = client.post(f"{url}/invocations", content=b"x")

    assert refused.status_code == 503
    assert refused.headers["x-amzn-errortype"] == "ServiceUnavailable"
    assert answered.status_code == 200
