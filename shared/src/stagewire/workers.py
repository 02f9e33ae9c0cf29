"""Several processes on one port, by uvicorn's supervisor, which replaces one that dies without a word."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from uvicorn.supervisors import Multiprocess

if TYPE_CHECKING:
    import uvicorn

_log = logging.getLogger(__name__)


class Workers(Multiprocess):
    """uvicorn's supervisor, which here says who died, and of what."""

    def keep_subprocess_alive(self) -> None:
        """Replace the dead, and log each: a model that kills its process would else do so unseen."""
        before = self.processes[:]
        super().keep_subprocess_alive()
        for old, new in zip(before, self.processes, strict=True):
            if new is not old:
                fields = {"worker": old.pid, "exitcode": old.exitcode, "successor": new.pid}
                _log.error("a worker died and is replaced", extra={"fields": fields})


def run(config: uvicorn.Config) -> None:
    """Serve until SIGTERM or SIGINT."""
    Workers(config, sockets=[config.bind_socket()]).run()
