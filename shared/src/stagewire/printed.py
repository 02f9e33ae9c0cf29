"""What a user's program prints, as lines of the log: else stdout were no JSON lines, and ours could stand amid theirs."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO


class Printed:
    """Stands in for `sys.stdout`; each line that is written is handed to the log's handler.

    To the handler and to no logger: a program may have a handler of its own that writes to
    `sys.stdout`, and would hear itself for ever.
    """

    def __init__(self, stream: TextIO, handler: logging.Handler) -> None:
        """Take the stream that is stood in for, and who writes the log to it."""
        self.stream = stream
        self.handler = handler
        # Of each thread's own: what two print at once is two lines.
        self.begun = threading.local()

    def __getattr__(self, name: str) -> Any:
        """Be in all else the stream."""
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Log the lines that are whole by now."""
        *lines, rest = (getattr(self.begun, "text", "") + text).split("\n")
        self.begun.text = rest
        for line in lines:
            self._log(line)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Log each that is whole."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Log what there is, which may be half a line."""
        rest, self.begun.text = getattr(self.begun, "text", ""), ""
        self._log(rest)
        self.stream.flush()

    def _log(self, line: str) -> None:
        if line.strip():
            self.handler.handle(
                logging.LogRecord("stdout", logging.INFO, "", 0, line.rstrip("\r"), None, None)
            )
