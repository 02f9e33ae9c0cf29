"""Runs a stage as a server: uvicorn on uvloop, one process unless more are asked for."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn

from stagewire import logs, settings
from stagewire.front import Front
from stagewire.limits import DRAIN_SECONDS, EXIT_SECONDS
from stagewire.service import Service

if TYPE_CHECKING:
    from fastapi import FastAPI

    from stagewire.settings import Settings

_log = logging.getLogger(__name__)

# Names the stage to worker processes, which share nothing with their parent but the environment.
STAGE = "STAGEWIRE_STAGE"

# A worker that does not answer its parent for this long is replaced. Loading a large model keeps it
# silent for longer than uvicorn's default of 5 s, and it would be killed again and again.
_SILENT_SECONDS = 20


def serve(name: str, found: Settings) -> int:
    """Serve a stage until SIGTERM or SIGINT; returns the exit status."""
    os.environ[STAGE] = name
    # One thread a library: OpenMP teams under concurrent requests cost 5 to 36 times (measured).
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    if found.workers == 1:
        uvicorn.run(partial(_front, name, found), **_options(found))
        return 0
    from stagewire.workers import run

    gc.enable()  # this process only watches the workers; loading a stage would enable it
    run(uvicorn.Config("stagewire.serve:application", **_options(found)))
    return 0


def _options(found: Settings) -> dict[str, Any]:
    return {
        "factory": True,
        "host": found.host,
        "port": found.port,
        "workers": found.workers,
        "http": "stagewire.express:Express",
        "loop": "auto" if sys.platform == "win32" else "uvloop",
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "date_header": False,
        "proxy_headers": False,
        # Longer than any peer keeps an idle connection, so that the peer is the one to close it.
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": int(DRAIN_SECONDS),
        "timeout_worker_healthcheck": _SILENT_SECONDS,
    }


def _leave(number: int, _frame: object) -> None:
    # uvicorn drains on the first signal and raises it again when done: that is a clean end.
    _log.debug("stopped by signal %d", number)
    # Python waits at its end for threads that work, and one may never be done.
    end = threading.Timer(EXIT_SECONDS, os._exit, (0,))
    end.daemon = True
    end.start()
    raise SystemExit(0)


def application() -> Front:
    """Make the ASGI application of one of several workers, from the environment alone."""
    found = settings.read()
    name = os.environ[STAGE]
    logs.start(name, found.log_level, printed=True)
    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()
    return _front(name, found)


def _front(name: str, found: Settings) -> Front:
    service = Service(name, found)
    if found.metrics_port is not None:
        _expose(service, found)
    return Front(service, _web)


def _follow(parent: int) -> None:
    """Drain and end if the parent dies: an orphan would keep the port for ever."""
    # Imported here: it takes 2 ms, which a single process, without a parent, need not spend.
    from multiprocessing import connection

    connection.wait([parent])
    os.kill(os.getpid(), signal.SIGTERM)


def _web(service: Service) -> FastAPI:
    from stagewire.app import build

    return build(service)


def _expose(service: Service, found: Settings) -> None:
    """Serve `/metrics` on a second port too, for scrapers that must not reach `/invocations`."""
    from prometheus_client import CollectorRegistry, start_http_server

    from stagewire.metrics import Collector

    registry = CollectorRegistry()
    registry.register(Collector(service.metrics, service.name))
    start_http_server(found.metrics_port or 0, found.host, registry)
