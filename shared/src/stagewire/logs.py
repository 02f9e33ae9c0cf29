"""One JSON object a line on stdout, which CloudWatch keeps whole and can query by field."""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import orjson

from stagewire.printed import Printed

if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO

_log = logging.getLogger(__name__)


class JsonLines(logging.Formatter):
    """Writes a record as one line; `extra={"fields": {…}}` adds fields. Never a payload."""

    def __init__(self, stage: str) -> None:
        """Name the stage in every line."""
        super().__init__()
        self.stage = stage

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "stage": self.stage,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        try:
            return orjson.dumps(line, default=str).decode()
        except TypeError:  # half a surrogate pair, as in the name of a file that is no UTF-8
            return json.dumps(line, default=str)


def start(stage: str, level: int, stream: TextIO | None = None, *, printed: bool = False) -> None:
    """Send every logger's lines to stdout in this form, warnings among them.

    With `printed` also what a program prints, and exceptions that it does not catch: a server's, which runs others' code.
    """
    out = stream or sys.stdout
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonLines(stage))
    if printed:
        sys.excepthook = _unhandled
        threading.excepthook = lambda told: _unhandled(*told[:3])
        sys.stdout = cast("TextIO", Printed(out, handler))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    # uvicorn's own start-up chatter says nothing that ours does not; its errors stay.
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _unhandled(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if issubclass(kind, SystemExit):  # it ends a thread, and nothing is wrong
        return
    _log.critical("an exception was not caught", exc_info=(kind, error or kind(), trace))
