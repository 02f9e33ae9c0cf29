"""Requests computed together answer as if each had been alone."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import httpx
import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewire import golden, rowwise
from stagewire.app import build
from stagewire.errors import BadRows, RowError, StageError
from stagewire.front import Front
from stagewire.manifest import Manifest
from stagewire.schema import schema
from stagewire.script import Context
from stagewire.service import Service
from stagewire.settings import Settings
from stagewire.table import Column, Table
from stagewire.testing import stage_of

NUMBERS = schema([("length", "float64"), ("weight", "float64")])
FEATURES = schema([("sum", "float64"), ("third", "float64")])
CSV = {"content-type": "text/csv"}


class Rowwise:
    """A model that says what a batch needs to know."""

    rowwise = True


def features(table, _model):
    """Compute two features; refuse rows above a thousand by name, and the number 666 by a crash."""
    numbers = table.matrix()
    bad = np.flatnonzero(numbers[:, 0] > 1000).tolist()
    if bad:
        raise BadRows(
            "too long", rows=[RowError(row, "length", None, "is too long") for row in bad]
        )
    if (numbers[:, 0] == 666).any():
        raise ZeroDivisionError
    return Table(
        (Column("sum", numbers.sum(axis=1)), Column("third", numbers[:, 1] / 3)), table.rows
    )


def batching(predict=features, model=None, **rest):
    """Make a stage with golden rows."""
    stage = stage_of(
        predict, name="batched", model=model or Rowwise(), input=NUMBERS, output=FEATURES
    )
    rows = Table(
        (Column("length", np.array([1.5, 2.0])), Column("weight", np.array([0.1, 7.0]))), 2
    )
    made = golden.record(rows, features(rows, None))
    return replace(
        stage, manifest=Manifest("batched", NUMBERS, FEATURES, {}, {}, golden=made), **rest
    )


class Gate:
    """Holds a stage's computing until it is opened, and remembers how many rows came each time."""

    def __init__(self):
        self.opened, self.entered, self.sizes = threading.Event(), threading.Event(), []

    def __call__(self, table, model):
        """Compute when it is let."""
        self.entered.set()
        self.opened.wait(60)
        self.sizes.append(table.rows)
        return features(table, model)


async def ready(predict=features, **settings):
    """Start a service of a batching stage; returns it, with a client."""
    found = Settings(**{"threads": 1, **settings})
    service = Service("batched", found, load=lambda _name, _settings: batching(predict))
    await service.start()
    transport = httpx.ASGITransport(Front(service, build))
    return service, httpx.AsyncClient(transport=transport, base_url="http://stage")


async def together(gate, service, client, requests):
    """Send one request, the rest while it is computed, and return all answers in order."""
    gate.opened.clear()
    gate.entered.clear()
    post = [client.post("/invocations", content=b, headers=h) for b, h in requests]
    first = asyncio.create_task(post[0])
    # One that is refused before it is computed never enters.
    while not (gate.entered.is_set() or first.done()):  # noqa: ASYNC110 (a thread's event)
        await asyncio.sleep(0)
    rest = [asyncio.create_task(each) for each in post[1:]]
    answered = (first, *rest)
    while service.metrics.in_flight + sum(t.done() for t in answered) < len(requests):  # noqa: ASYNC110 (a gauge)
        await asyncio.sleep(0)
    gate.opened.set()
    return await asyncio.gather(first, *rest)


numbers = st.floats(-1e6, 900) | st.sampled_from([1001.0, 1e9, 666.0, -0.0])
rows = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4)
kinds = st.sampled_from(["text/csv", "text/csv; bad-rows=null", "text/csv; bad-rows=drop"])
broken = st.sampled_from([b"", b"x,1\n", b"1\n", b"1,2\n3\n"])
bodies = broken | rows.map(lambda each: "".join(f"{a!r},{b!r}\n" for a, b in each).encode())


@given(requests=st.lists(st.tuples(bodies, kinds), min_size=2, max_size=8))
def test_company_changes_no_answer(requests):
    """Good, bad and crashing rows, under any policy, in any company: each answer is as if alone."""

    async def run():
        gate = Gate()
        gate.opened.set()
        service, client = await ready(gate)
        headers = [
            (b, {"content-type": k, "x-request-id": f"r{i}"}) for i, (b, k) in enumerate(requests)
        ]
        found = await together(gate, service, client, headers)
        service.close()
        return [(each.status_code, each.content) for each in found]

    answers = asyncio.run(run())

    stage = batching()
    for index, (body, kind) in enumerate(requests):
        try:
            context = Context("", f"r{index}")
            alone = (200, stage.answer(body, kind, None, context)[0])
        except StageError as error:
            shape = error.as_json(stage="batched", request_id=f"r{index}")["error"]
            alone = (error.status, shape)
        status, content = answers[index]
        if status != 200:
            content = orjson.loads(content)["error"]
        assert (status, content) == alone


@pytest.mark.anyio
async def test_those_who_wait_are_computed_in_one_call():
    """The first is computed at once and alone, those that come meanwhile together; it is counted."""
    gate = Gate()
    gate.opened.set()
    service, client = await ready(gate)
    gate.sizes.clear()

    found = await together(gate, service, client, [(b"1,2\n", CSV)] * 9)
    metadata = (await client.get("/metadata")).json()
    metrics = (await client.get("/metrics")).text
    service.close()

    assert {each.status_code for each in found} == {200}
    assert gate.sizes == [1, 8]
    assert metadata["batches"] == {
        "on": True, "rows_at_most": 1024, "batches": 2, "requests": 9, "rows": 9
    }  # fmt: skip
    assert 'stagewire_batched_rows_total{stage="batched"} 9.0' in metrics


@pytest.mark.anyio
async def test_a_batch_is_bounded_by_rows():
    """What does not fit waits for the next one; a request above the bound goes alone."""
    gate = Gate()
    gate.opened.set()
    service, client = await ready(gate, batch_rows=4)
    gate.sizes.clear()

    bodies = [b"1,2\n" * count for count in (1, 3, 3, 1, 6, 1)]
    await together(gate, service, client, [(body, CSV) for body in bodies])
    service.close()

    assert gate.sizes == [1, 3, 4, 6, 1]


@pytest.mark.anyio
async def test_a_bad_request_costs_its_neighbours_nothing():
    """The one with the bad row is computed again alone, the others again together."""
    gate = Gate()
    gate.opened.set()
    service, client = await ready(gate)
    gate.sizes.clear()

    bodies = [b"1,2\n", b"1,2\n3,4\n", b"5000,1\n", b"3,4\n"]
    found = await together(gate, service, client, [(body, CSV) for body in bodies])
    service.close()

    assert [each.status_code for each in found] == [200, 200, 422, 200]
    assert gate.sizes == [1, 4, 1, 3]
    assert found[2].json()["error"]["rows"][0]["row"] == 0


@pytest.mark.anyio
async def test_what_nobody_waits_for_any_more_is_not_computed():
    """A request whose time passed in the queue is a 503 and never reaches the stage."""
    gate = Gate()
    gate.opened.set()
    service, client = await ready(gate, reply_seconds=0.05)
    gate.opened.clear()
    gate.sizes.clear()

    sent = [client.post("/invocations", content=b"1,2\n", headers=CSV) for _ in range(3)]
    found = await asyncio.gather(*sent)
    gate.opened.set()
    service.settings = replace(service.settings, reply_seconds=60)
    last = await client.post("/invocations", content=b"1,2\n1,2\n", headers=CSV)
    service.close()

    assert [each.status_code for each in found] == [503] * 3
    assert last.status_code == 200
    assert gate.sizes[-1] == 2
    assert service.metrics.queued == 0


def mean(table, _model):
    """Look across rows, as a batch must not."""
    return Table((Column("sum", table.matrix()[:, 0] - table.matrix()[:, 0].mean()),), table.rows)


@pytest.mark.parametrize(
    ("stage", "settings", "reason"),
    [
        (batching(), Settings(batch_rows=0), "switched off"),
        (batching(), Settings(batch_seconds=0), "switched off"),
        (batching(model=object()), Settings(), "does not say"),
        (batching(mean), Settings(), "depends on the 2 rows"),
        (replace(batching(), manifest=None), Settings(), "no golden rows"),
        (
            replace(batching(), script=replace(batching().script, inline_bytes=9)),
            Settings(),
            "costs less",
        ),
        (replace(batching(), script=replace(batching().script, user=True)), Settings(), "user"),
        (
            batching(lambda table, model: features(table, model) if table.rows > 1 else 1 / 0),
            Settings(),
            "one by one",
        ),
    ],
)
def test_what_speaks_against_batches(stage, settings, reason):
    """It is on only where it pays and where the golden rows prove that company changes no bit."""
    assert reason in (rowwise.objection(stage, settings) or "")


def test_the_bound_follows_what_a_row_adds():
    """A batch may take a stated time longer than one row, by a calibration of some calls."""
    spans = [0.5, 0.25, 1.0, 2.75, 2.81, 9.0]
    ticks = iter([tick for span in spans for tick in (0.0, span)])

    found = rowwise.bound(batching(), Settings(batch_seconds=0.5), clock=lambda: next(ticks))

    assert rowwise.objection(batching(), Settings()) is None
    assert found == 51
