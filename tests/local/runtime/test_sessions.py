"""Stateful sessions and the targets of a request: what reaches which container."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stagewire_local.driver import ContainerSpec
from stagewire_local.plan import Plan

SESSION = "X-Amzn-SageMaker-Session-Id"


def begins(stub, *, seconds=3600, name="abc"):
    """Make a container that answers every request as the first of a session."""
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    value = f"{name}; Expires={end:%Y-%m-%dT%H:%M:%SZ}"
    return stub(headers={SESSION: value}), value


def variants(*each):
    """Plan a variant of one instance for each stub."""
    return [
        Plan(name=f"v{n}", specs=[ContainerSpec(hostname="primary", image=stub.url)])
        for n, stub in enumerate(each, 1)
    ]


def test_a_session_begins_under_the_name_that_the_container_gives(box, plan, runtime, stub):
    """NEW_SESSION reaches the container, and its answer is renamed for the caller."""
    one, value = begins(stub)
    client = runtime(box(plan(one)).url)

    response = client.invoke_endpoint(EndpointName="pipe", Body=b"x", SessionId="NEW_SESSION")

    assert one.got(SESSION) == "NEW_SESSION"
    assert response["NewSessionId"] == value


def test_a_session_goes_on_until_the_container_closes_it(box, plan, runtime, stub):
    """Its id reaches all containers; what the last one says of it counts, and then it is unknown."""
    last, _ = begins(stub)
    first = stub()
    client = runtime(box(plan(first, last)).url)
    client.invoke_endpoint(EndpointName="pipe", Body=b"x", SessionId="NEW_SESSION")
    last.headers = {"X-Amzn-SageMaker-Closed-Session-Id": "abc"}

    closed = client.invoke_endpoint(EndpointName="pipe", Body=b"x", SessionId="abc")
    with pytest.raises(client.exceptions.ValidationError, match="Session abc"):
        client.invoke_endpoint(EndpointName="pipe", Body=b"x", SessionId="abc")

    assert first.got(SESSION) == last.got(SESSION) == "abc"
    assert closed["ClosedSessionId"] == "abc"
    assert len(first.seen) == 2


def test_requests_of_a_session_go_round_no_more(box, stubs, stub, client):
    """Of two instances only the one that began the session gets them."""
    one, _ = begins(stub)
    two, _ = begins(stub)
    stubs(one, two)
    found = box(*variants(one, two))
    url = f"{found.url}/endpoints/pipe/invocations"
    client.post(url, content=b"x", headers={SESSION: "NEW_SESSION"})
    home, other = (one, two) if one.seen else (two, one)

    for _ in range(4):
        client.post(url, content=b"x", headers={SESSION: "abc"})

    assert len(home.seen) == 5
    assert other.seen == []


def test_a_session_whose_time_is_over_is_refused(box, plan, client, stub):
    """The container said until when; afterwards no instance gets the request."""
    one, _ = begins(stub, seconds=-1)
    url = box(plan(one)).url + "/invocations"
    client.post(url, content=b"x", headers={SESSION: "NEW_SESSION"})

    response = client.post(url, content=b"x", headers={SESSION: "abc"})

    assert response.status_code == 400
    assert "its time is over" in response.json()["Message"]
    assert len(one.seen) == 1


def test_a_target_variant_and_the_inference_id_reach_what_they_name(box, stubs, stub, runtime):
    """The variant stands on the answer; the id reaches the container."""
    one, two = stubs(stub(), stub())
    client = runtime(box(*variants(one, two)).url)

    response = client.invoke_endpoint(
        EndpointName="pipe", Body=b"x", TargetVariant="v2", InferenceId="id-1"
    )
    with pytest.raises(client.exceptions.ValidationError, match="Variant v3 not found"):
        client.invoke_endpoint(EndpointName="pipe", Body=b"x", TargetVariant="v3")

    assert response["InvokedProductionVariant"] == "v2"
    assert two.got("x-amzn-sagemaker-inference-id") == "id-1"
    assert one.seen == []


@pytest.mark.parametrize("path", ["invocations", "invocations-response-stream"])
def test_in_mode_direct_the_caller_names_one_container(box, plan, client, stub, path):
    """Only that one is asked; without a name, or with a wrong one, nobody is."""
    one, two = stub(), stub()
    url = f"{box(plan(one, two, direct=True)).url}/endpoints/pipe/{path}"
    target = "X-Amzn-SageMaker-Target-Container-Hostname"

    named = client.post(url, content=b"x", headers={target: "container-2"})
    wrong = client.post(url, content=b"x", headers={target: "container-3"})
    absent = client.post(url, content=b"x")

    assert b"x>" in named.content
    assert len(two.seen) == 1
    assert one.seen == []
    assert (wrong.status_code, absent.status_code) == (400, 400)
    assert "container-1, container-2" in absent.json()["Message"]
