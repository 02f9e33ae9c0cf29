from __future__ import annotations

import asyncio
import logging
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest

from stagewire.codec import CODECS
from stagewire.errors import ArtifactError
from stagewire.front import Front
from stagewire.manifest import Manifest
from stagewire.service import Service, State
from stagewire.settings import Settings
from stagewire.testing import stage_of

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.anyio
CSV = {"content-type": "text/csv"}
GOLDEN = {"input": {"columns": ["length", "weight"], "data": [[31.25, 2.0]]}}


def checked(response: httpx.Response, status: int, code: str) -> str:
    """Check the one error shape and return its message."""
    error = response.json()["error"]
    assert response.status_code == status
    assert set(error) >= {"code", "message", "stage", "request_id", "rows"}
    assert (error["code"], error["stage"]) == (code, "double")
    assert response.headers["content-type"] == "application/json"
    assert "Traceback" not in response.text
    return error["message"]


async def test_rows_in_predictions_out(regressor, served):
    """POST /invocations answers, GET and HEAD /ping are empty and 200."""
    _, client = served(regressor)

    found = await client.post(
        "/invocations", content=b"1,2\n", headers={**CSV, "x-request-id": "my-id"}
    )
    pings = [await client.get("/ping"), await client.head("/ping")]

    assert (found.status_code, found.content) == (200, b"2.0\n")
    assert (found.headers["content-type"], found.headers["x-request-id"]) == ("text/csv", "my-id")
    assert [(ping.status_code, ping.content) for ping in pings] == [(200, b"")] * 2


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        ((b"", CSV), (400, "malformed")),
        ((b"1,2\n", {}), (415, "unsupported_media")),
        ((b"1,2\n", {"content-type": "image/png"}), (415, "unsupported_media")),
        ((b"1,2\n", {"content-type": "csv"}), (415, "unsupported_media")),
        ((b"1,2\n", {**CSV, "content-encoding": "gzip"}), (415, "unsupported_media")),
        ((b"1,2\n", {**CSV, "accept": "image/png"}), (406, "not_acceptable")),
        ((b"1,2\n", {**CSV, "accept": "nonsense"}), (400, "malformed")),
        ((b"x,2\n", CSV), (422, "bad_rows")),
        ((b"1\n2\n", CSV), (422, "bad_rows")),
        ((b"length\n2\n", CSV), (422, "schema_mismatch")),
        ((b"1" * 200, CSV), (413, "too_large")),
    ],
)
async def test_every_refusal_has_one_shape(regressor, served, sent, wanted):
    """Whatever is wrong, the answer names it in the same JSON, with the id that was sent."""
    _, client = served(regressor, body_bytes=100)
    content, headers = sent

    found = await client.post(
        "/invocations", content=content, headers={**headers, "x-request-id": "r-1"}
    )

    checked(found, *wanted)
    assert found.json()["error"]["request_id"] == found.headers["x-request-id"] == "r-1"


@pytest.mark.parametrize(
    ("route", "wanted"),
    [
        (("GET", "/invocations"), (405, "method_not_allowed")),
        (("POST", "/ping"), (405, "method_not_allowed")),
        (("POST", "/metadata"), (405, "method_not_allowed")),
        (("POST", "/metrics"), (405, "method_not_allowed")),
        (("GET", "/nowhere"), (404, "not_found")),
        (("POST", "/"), (404, "not_found")),
    ],
)
async def test_routes_that_are_not_there(regressor, served, route, wanted):
    """FastAPI's own refusals have the shape too, and 405 says what is allowed."""
    _, client = served(regressor)

    found = await client.request(*route, headers={"x-request-id": "r-1"})

    checked(found, *wanted)
    assert found.json()["error"]["request_id"] == found.headers["x-request-id"]
    assert found.headers["x-request-id"] == "r-1"
    assert ("allow" in found.headers) == (wanted[0] == 405)


async def test_chunks_over_the_limit_are_413(regressor, served):
    """A body of unknown length is counted as it comes, in one piece or in many."""
    _, client = served(regressor, body_bytes=100)

    async def pieces(*sizes: int):
        for size in sizes:
            yield b"1" * size

    for sizes in ((60, 60), (101,), (1,) * 101):
        checked(
            await client.post("/invocations", content=pieces(*sizes), headers=CSV), 413, "too_large"
        )


async def test_a_stated_length_over_the_limit_is_refused_unread(regressor):
    """413 comes from Content-Length before a byte of the body is asked for."""

    async def receive():
        pytest.fail("the body was read")

    assert await invoked(regressor, receive, (b"content-length", b"11"), body_bytes=10) == 413


@pytest.mark.parametrize(("size", "status"), [(10, 422), (11, 413)])
async def test_a_body_of_one_piece_is_measured_too(regressor, size, status):
    """A server may hand a body of unknown length over at once; the limit itself is within."""

    async def receive():
        return {"type": "http.request", "body": b"1" * size}

    assert await invoked(regressor, receive, body_bytes=10) == status


async def invoked(stage, receive, *headers, **settings):
    """Invoke a stage by ASGI alone; returns the status."""
    service = Service("double", Settings(**settings), stage=stage, state=State.READY)
    sent = []

    async def send(message):
        sent.append(message)

    lines = [(b"content-type", b"text/csv"), *headers]
    scope = {"type": "http", "method": "POST", "path": "/invocations", "headers": lines}
    await Front(service, lambda _: pytest.fail("no web app is needed"))(scope, receive, send)
    service.close()
    return sent[0]["status"]


async def test_a_caller_that_leaves_is_counted_and_not_answered(regressor):
    """Who hangs up in mid-body is no failure of the stage's: 499 in the metrics, and nothing is sent."""
    service = Service("double", Settings(), stage=regressor, state=State.READY)
    parts = [
        {"type": "http.request", "body": b"1", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive():
        return parts.pop(0)

    async def send(message):
        pytest.fail(f"{message} was sent to nobody")

    headers = [(b"content-type", b"text/csv")]
    scope = {"type": "http", "method": "POST", "path": "/invocations", "headers": headers}
    await Front(service, lambda _: pytest.fail("no web app is needed"))(scope, receive, send)
    service.close()

    assert (service.metrics.requests, service.metrics.in_flight) == ({499: 1}, 0)
    assert service.store.held == 0


async def test_loading_is_503(served):
    """Until the model is there, /ping and /invocations say so and when to come back."""
    _, client = served(ready=False)

    for found in (
        await client.get("/ping"),
        await client.post("/invocations", content=b"1", headers=CSV),
    ):
        assert "loading" in checked(found, 503, "not_ready")
        assert found.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ArtifactError("no model there"), "no model there"),
        (ZeroDivisionError("no model there"), "ZeroDivisionError: no model there"),
    ],
)
async def test_a_refused_artifact_says_why(served, caplog, error, reason):
    """/ping stays 503, and the reason stands in its body, in /metadata and in the log."""
    service, client = served(ready=False)

    def load(_name, _settings):
        raise error

    service.load = load
    await service.start()
    ping, metadata = await client.get("/ping"), (await client.get("/metadata")).json()

    assert "no model there" in checked(ping, 503, "not_ready")
    assert metadata["state"] == "refused"
    assert metadata["reason"] == reason
    assert f"not ready: {reason}" in caplog.text
    assert ("Traceback" in caplog.text) == (not isinstance(error, ArtifactError))


async def test_metadata_metrics_and_parameters(regressor, served):
    """The routes beside the two: what is served, how often, and what batch transform should send."""
    _, client = served(regressor, threads=3, body_bytes=6 << 20)

    await client.post("/invocations", content=b"1,2\n", headers=CSV)
    await client.post("/invocations", content=b"x,2\n", headers=CSV)
    metadata = (await client.get("/metadata")).json()
    metrics = (await client.get("/metrics")).text
    parameters = (await client.get("/execution-parameters")).json()

    assert (metadata["state"], metadata["input"]["fields"][0]["name"]) == ("ready", "length")
    assert 'stagewire_requests_total{stage="double",status="200"} 1.0' in metrics
    assert 'stagewire_requests_total{stage="double",status="422"} 1.0' in metrics
    assert 'stagewire_request_seconds_bucket{le="+Inf",stage="double"} 2.0' in metrics
    assert parameters == {
        "MaxConcurrentTransforms": 3,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": 6,
    }


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"threads": 2, "workers": 3}, (4, 25)),
        ({"threads": 2, "workers": 3, "body_bytes": 6 << 20}, (6, 6)),
        ({"threads": 2, "body_bytes": 1000}, (2, 1)),
        ({"threads": 2, "body_bytes": 1 << 30}, (1, 100)),
    ],
)
async def test_batch_transform_is_told_what_it_may_send(regressor, served, settings, wanted):
    """All workers count, and the platform takes no more than 100 MB of payloads at once."""
    _, client = served(regressor, **settings)

    found = (await client.get("/execution-parameters")).json()

    assert (found["MaxConcurrentTransforms"], found["MaxPayloadInMB"]) == wanted


async def test_the_fronts_routes_are_documented(regressor, served):
    """/openapi.json shows /ping and /invocations: every content type, every refusal and its shape."""
    _, client = served(regressor)

    found = (await client.get("/openapi.json")).json()
    told = found["paths"]["/invocations"]["post"]
    refusals = {status: told["responses"][status] for status in told["responses"] if status > "200"}
    ping = found["paths"]["/ping"]["get"]["responses"]
    (shape,) = {
        each["content"]["application/json"]["schema"]["$ref"]
        for each in (*refusals.values(), ping["503"])
    }

    assert found["openapi"].startswith("3.1")
    assert set(told["requestBody"]["content"]) == set(told["responses"]["200"]["content"])
    assert set(told["requestBody"]["content"]) == set(CODECS)
    assert set(refusals) == {"400", "406", "413", "415", "422", "500", "503"}
    assert "content" not in ping["200"]
    assert set(found["paths"]["/metrics"]["get"]["responses"]["200"]["content"]) == {"text/plain"}
    assert shape.rpartition("/")[2] in found["components"]["schemas"]


async def test_what_is_documented_as_an_example_is_answered(regressor, featurizer, served):
    """The examples have the stage's own columns; a stage that is loading has none."""
    for stage in (regressor, featurizer(inline_bytes=1 << 14)):
        _, client = served(stage)
        paths = (await client.get("/openapi.json")).json()["paths"]
        told = paths["/invocations"]["post"]["requestBody"]["content"]
        examples = {kind: each["example"] for kind, each in told.items() if "example" in each}

        assert set(examples) == {"text/csv", "application/json", "application/jsonlines"}
        for kind, example in examples.items():
            body = example if isinstance(example, str) else orjson.dumps(example)
            found = await client.post("/invocations", content=body, headers={"content-type": kind})
            assert (found.status_code, kind) == (200, kind)

    service, client = served(ready=False)
    assert (await client.get("/openapi.json")).status_code == 200
    assert service.stage is None


async def test_the_page_says_what_there_is_without_a_network(regressor, served):
    """Swagger UI comes from afar and takes the place of plain HTML, which is what stays without it."""
    _, client = served(regressor)

    found = await client.get("/docs")
    plain = found.text.partition('<div id="swagger-ui">')[2].partition("</div>")[0]

    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert "POST /invocations" in plain
    assert "0.5,0.5" in plain
    assert (await client.get("/redoc")).status_code == 404


@pytest.fixture
def gate():
    """A stage that computes only when it is let."""
    opened, entered = threading.Event(), threading.Semaphore(0)

    def predict(table, _model):
        entered.release()
        opened.wait(30)
        return np.zeros(table.rows)

    yield stage_of(predict, name="double"), opened, entered
    opened.set()


async def test_a_full_queue_is_503_and_ping_still_answers(gate, served):
    """Beyond the queue's length the caller is told to come back; nobody who waits is harmed."""
    stage, opened, entered = gate
    service, client = served(stage, threads=1)
    service.limit = 2

    waiting = [
        asyncio.create_task(client.post("/invocations", content=b"1\n", headers=CSV))
        for _ in range(2)
    ]
    assert await asyncio.to_thread(entered.acquire, timeout=30)
    while service.metrics.queued < service.limit:  # noqa: ASYNC110 (a gauge has no event)
        await asyncio.sleep(0)
    busy = await client.post("/invocations", content=b"1\n", headers=CSV)
    ping = await client.get("/ping")
    opened.set()
    answers = await asyncio.gather(*waiting)

    checked(busy, 503, "busy")
    assert busy.headers["retry-after"] == "1"
    assert ping.status_code == 200
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (service.metrics.queued, service.metrics.in_flight) == (0, 0)


@pytest.mark.parametrize("stated", [True, False])
async def test_bodies_that_wait_are_bounded_in_bytes(gate, served, stated):
    """Beyond the bytes that may be held the caller is told to come back, however the body is sent."""
    stage, opened, entered = gate
    service, client = served(stage, threads=1, body_bytes=1000)
    service.store.limit = 1000

    async def pieces():
        yield b"1\n" * 200
        yield b"1\n" * 100

    waiting = asyncio.create_task(client.post("/invocations", content=b"1\n" * 250, headers=CSV))
    await asyncio.to_thread(entered.acquire)
    body = b"1\n" * 300 if stated else pieces()
    busy = await client.post("/invocations", content=body, headers=CSV)
    small = asyncio.create_task(client.post("/invocations", content=b"1\n", headers=CSV))
    opened.set()
    answers = [(await each).status_code for each in (waiting, small)]
    alone = await client.post("/invocations", content=b"1\n" * 500, headers=CSV)

    assert "500 bytes" in checked(busy, 503, "busy")
    assert answers == [200, 200]
    assert (alone.status_code, service.store.held) == (200, 0)


async def test_a_request_over_its_time_is_503(gate, served):
    """The server's timeout ends the wait with a reason."""
    stage, _, _ = gate
    _, client = served(stage, threads=1, reply_seconds=0.01)

    found = await client.post("/invocations", content=b"1\n", headers=CSV)

    assert "0.01 s" in checked(found, 503, "deadline_exceeded")


async def test_a_request_that_outlasts_the_drain_is_503(gate, served):
    """Uvicorn cancels what is not done in time; its caller is told so in the one shape."""
    stage, _, entered = gate
    _, client = served(stage, threads=1)

    waiting = asyncio.create_task(client.post("/invocations", content=b"1\n", headers=CSV))
    assert await asyncio.to_thread(entered.acquire, timeout=30)
    waiting.cancel()
    found = await waiting

    assert "stopping" in checked(found, 503, "not_ready")


async def test_no_traceback_leaves(served, caplog):
    """A stage that raises is 500 with the request's id; the traceback stays in the log."""

    def broken(_table, _model):
        msg = "secret"
        raise RuntimeError(msg)

    _, client = served(stage_of(broken, name="double"))

    with caplog.at_level(logging.ERROR):
        found = await client.post("/invocations", content=b"1\n", headers=CSV)

    checked(found, 500, "stage_failed")
    assert "secret" not in found.text
    assert "Traceback" in caplog.text


async def test_an_id_from_the_hop_is_the_requests_id(regressor, featurizer, served):
    """The id that the first stage got is the one that the second answers and logs with."""
    _, first = served(replace(featurizer(), hop_dtype="float32"))
    _, second = served(regressor)

    between = await first.post(
        "/invocations", content=b"red,1\n", headers={**CSV, "x-request-id": "abc"}
    )
    found = await second.post(
        "/invocations",
        content=between.content,
        headers={"content-type": between.headers["content-type"]},
    )

    assert found.headers["x-request-id"] == "abc"
    assert found.text == "6.0\n"


async def test_the_access_log_has_ids_and_no_payload(regressor, served, caplog):
    """One line a request where it is asked for: id, status and time."""
    _, client = served(regressor, access_log=True)

    with caplog.at_level(logging.INFO):
        await client.post("/invocations", content=b"123,2\n", headers={**CSV, "x-request-id": "q"})

    (record,) = [r for r in caplog.records if r.getMessage() == "request"]
    assert (record.fields["request_id"], record.fields["status"]) == ("q", 200)
    assert "123" not in orjson.dumps(record.fields).decode().replace(
        str(record.fields["seconds"]), ""
    )


class Warmed:
    """A model that can be warmed up, or fails at it."""

    def __init__(self, error=None):
        self.error, self.warmed = error, threading.Event()

    def warm(self):
        """Be warmed up."""
        self.warmed.set()
        if self.error:
            raise self.error


@pytest.mark.parametrize("error", [None, RuntimeError("no library")])
async def test_a_warm_start_waits_for_the_first_ready_ping(regressor, served, caplog, error):
    """Then the web app is built and the model's own libraries loaded; what fails is only logged."""
    service, client = served(regressor, warm=True)
    service.stage = replace(regressor, model=Warmed(error))
    built = []

    async def web():
        built.append(True)
        raise ImportError

    warming = asyncio.create_task(service.warm(web))
    await asyncio.sleep(0)
    before = list(built)
    ping = await client.get("/ping")
    await warming

    assert (before, built, ping.status_code) == ([], [True], 200)
    assert service.stage.model.warmed.is_set()
    assert ("no library" in caplog.text) == (error is not None)
    assert "cannot be built" in caplog.text


async def test_a_request_that_waited_too_long_is_not_run(gate, served):
    """What is cancelled while it waits for a thread never reaches the stage."""
    stage, opened, entered = gate
    service, client = served(stage, threads=1)

    first = asyncio.create_task(client.post("/invocations", content=b"1\n", headers=CSV))
    assert await asyncio.to_thread(entered.acquire, timeout=30)
    service.settings = replace(service.settings, reply_seconds=0.01)
    late = [client.post("/invocations", content=b"1\n", headers=CSV) for _ in range(2)]
    statuses = [found.status_code for found in await asyncio.gather(*late)]
    opened.set()

    assert (await first).status_code == 200
    assert statuses == [503, 503]
    service.pool.shutdown(wait=True)
    assert not entered.acquire(blocking=False)


async def test_metadata_shows_the_manifest_without_its_rows(regressor, served):
    """What the artifact was made with is for anybody to ask; golden rows are somebody's data."""
    schemas = regressor.input, regressor.output
    made = Manifest("double", *schemas, {"numpy": "2.4.6"}, {"model.bin": "0" * 64}, golden=GOLDEN)
    _, client = served(replace(regressor, manifest=made))

    answer = await client.get("/metadata")

    assert answer.json()["manifest"]["versions"] == {"numpy": "2.4.6"}
    assert "golden" not in answer.json()["manifest"]
    assert "31.25" not in answer.text


async def test_metadata_shows_the_models_plan(regressor, served):
    """What the model says of its plan; null for one that says nothing."""

    class Described:
        def describe(self):
            return {"on": True}

    service, client = served(regressor)
    silent = (await client.get("/metadata")).json()["plan"]
    service.stage = replace(regressor, model=Described())
    told = (await client.get("/metadata")).json()["plan"]

    assert (silent, told) == (None, {"on": True})


async def test_metrics_of_several_workers_are_told_apart(regressor, served):
    """Each counts for itself, so each line names the process."""
    _, client = served(regressor, workers=2)

    await client.post("/invocations", content=b"1,2\n", headers=CSV)
    metrics = (await client.get("/metrics")).text

    line = f'stagewire_requests_total{{stage="double",status="200",worker="{os.getpid()}"}} 1.0'
    assert line in metrics
