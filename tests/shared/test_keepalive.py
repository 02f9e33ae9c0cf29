from __future__ import annotations

import asyncio

import pytest
import uvicorn
from uvicorn.server import ServerState

from stagewire.keepalive import KeepAlive

pytestmark = pytest.mark.anyio

SECONDS = 75
REQUEST = b"GET / HTTP/1.1\r\nHost: stage\r\n\r\n"


class Clock:
    """A loop whose time stands until it is moved; its tasks are real."""

    def __init__(self):
        self.now = 1000.0
        self.timers = []

    def time(self):
        """What it is now."""
        return self.now

    def create_task(self, work):
        """Start a real task."""
        return asyncio.get_running_loop().create_task(work)

    def call_later(self, seconds, call):
        """Note what is due, and when."""
        self.timers.append(Timer(self.now + seconds, call))
        return self.timers[-1]

    def pass_(self, seconds):
        """Let time pass, and call what is due."""
        self.now += seconds
        for timer in [each for each in self.timers if each.due <= self.now]:
            self.timers.remove(timer)
            if not timer.ended:
                timer.call()

    @property
    def armed(self):
        """The timers that will still ring."""
        return [each for each in self.timers if not each.ended]


class Timer:
    """What `call_later` gives."""

    def __init__(self, due, call):
        self.due, self.call, self.ended = due, call, False

    def cancel(self):
        """Never ring."""
        self.ended = True


class Transport(asyncio.Transport):
    """Keeps what is written, and whether it was closed."""

    def __init__(self):
        super().__init__()
        self.written, self.closed = b"", False

    def write(self, data):
        """Keep it."""
        self.written += data

    def is_closing(self):
        """Whether it was closed."""
        return self.closed

    def close(self):
        """Note that."""
        self.closed = True

    def resume_reading(self):
        """Nothing was paused."""


@pytest.fixture
def clock():
    """Time that stands."""
    return Clock()


@pytest.fixture
def may():
    """An event without which nothing is answered."""
    found = asyncio.Event()
    found.set()
    return found


@pytest.fixture
def wire(clock, may):
    """A connection that was just made, to an application that answers once it may."""

    async def app(_scope, _receive, send):
        await may.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(
        app, http=KeepAlive, ws="none", timeout_keep_alive=SECONDS, log_config=None
    )
    config.load()
    found = KeepAlive(config, ServerState(), {}, _loop=clock)
    found.connection_made(Transport())
    return found


async def answered(wire):
    """Send a request to the application, and wait until all of it is answered."""
    wire.data_received(REQUEST)
    await asyncio.gather(*wire.tasks)


async def test_an_idle_connection_is_closed_after_its_time(wire, clock):
    """Counted from the last answer."""
    await answered(wire)
    clock.pass_(SECONDS - 1)
    before = wire.transport.closed
    clock.pass_(1)

    assert (before, wire.transport.closed) == (False, True)


async def test_each_answer_gives_it_that_time_anew(wire, clock):
    """Whichever way it was answered; and all that time there is one timer, not one a request."""
    await answered(wire)
    armed = []
    for _ in range(20):
        clock.pass_(SECONDS - 1)
        wire.mark_idle()
        armed.append(len(clock.armed))
        clock.pass_(SECONDS - 1)
        await answered(wire)
        armed.append(len(clock.armed))
    assert not wire.transport.closed

    clock.pass_(SECONDS)

    assert wire.transport.closed
    assert armed == [1] * 40


async def test_many_answers_share_a_timer(wire, clock):
    """It looks again when the connection has been idle for that long, and closes then."""
    for _ in range(100):
        wire.mark_idle()
    started = len(clock.timers)
    clock.pass_(SECONDS - 5)
    wire.mark_idle()
    clock.pass_(5)
    looked = (wire.transport.closed, len(clock.armed))
    clock.pass_(SECONDS - 5)

    assert started == 1
    assert looked == (False, 1)
    assert wire.transport.closed


@pytest.mark.parametrize("sent", [REQUEST, REQUEST[:10]], ids=["whole", "begun"])
async def test_who_waits_for_an_answer_is_not_cut_off(wire, clock, may, sent):
    """However long it takes; afterwards the time begins anew."""
    wire.mark_idle()
    may.clear()
    wire.data_received(sent)
    clock.pass_(10 * SECONDS)
    during = wire.transport.closed
    may.set()
    wire.data_received(REQUEST[len(sent) :])
    await asyncio.gather(*wire.tasks)
    clock.pass_(SECONDS - 1)
    after = wire.transport.closed
    clock.pass_(1)

    assert (during, after, wire.transport.closed) == (False, False, True)


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
async def test_a_lost_connection_leaves_no_timer(wire, clock, error):
    """Which would keep the connection and all its buffers for as long."""
    await answered(wire)

    wire.connection_lost(error)

    assert clock.armed == []
