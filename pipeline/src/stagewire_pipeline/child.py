"""A stage's own process: the only way this room reaches another one's training code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stagewire_pipeline.errors import ChildError
from stagewire_pipeline.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

# A traceback and what led to it.
LAST_LINES = 30


@dataclass(frozen=True)
class Line:
    """One line of a child's output: a message with its figures, or text as it came."""

    stage: str
    message: str
    figures: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The line for a person."""
        figures = "".join(f"  {key}={_short(value)}" for key, value in self.figures.items())
        return f"{self.stage}: {self.message}{figures}"


@dataclass(frozen=True)
class Stages:
    """How stages are run: their modules by name, the environment, and what is called with each line."""

    modules: Mapping[str, str]
    environ: Mapping[str, str]
    say: Callable[[Line], None]

    def module(self, stage: str) -> str:
        """Return the module of a stage.

        Raises:
            ChildError: no installed distribution brings it.

        """
        if stage not in self.modules:
            have = ", ".join(sorted(self.modules)) or "none"
            raise ChildError(
                f"the stage {stage!r} is not installed here (installed: {have}); "
                f"install the room {stage}/"
            )
        return self.modules[stage]

    def run(self, stage: str, verb: str, base: Path, *, options: Iterable[str] = ()) -> list[Line]:
        """Run `python -m MODULE VERB` under a base directory; return its lines.

        Raises:
            ChildError: it ended with another code than 0; has the reason it gave.

        """
        Layout(base).failure.unlink(missing_ok=True)
        # -P: a folder of the stage's name in the working directory is not the stage.
        command = [sys.executable, "-P", "-m", self.module(stage), verb, *options]
        environ = {
            **self.environ,
            "SAGEMAKER_BASE_DIR": str(base.absolute()),
            "PYTHONUNBUFFERED": "1",
        }
        lines: list[Line] = []
        with subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as child:
            for raw in child.stdout or ():
                line = parsed(stage, raw)
                lines.append(line)
                self.say(line)
        if child.returncode:
            raise ChildError(_reason(stage, verb, child.returncode, base, lines))
        return lines


def parsed(stage: str, raw: str) -> Line:
    """Read a line of output: JSON with a message, or anything."""
    text = raw.rstrip("\r\n")
    try:
        found = json.loads(text)
    except ValueError:
        return Line(stage, text, {})
    if not isinstance(found, dict) or "message" not in found:
        return Line(stage, text, {})
    hidden = {"message", "time", "level", "stage", "logger"}
    figures = {key: value for key, value in found.items() if key not in hidden}
    return Line(stage, str(found["message"]), figures)


def _reason(stage: str, verb: str, code: int, base: Path, lines: list[Line]) -> str:
    failure = Layout(base).failure
    if failure.is_file():
        told = failure.read_text(encoding="utf-8", errors="replace").strip()
    else:
        told = "\n".join(line.message for line in deque(lines, maxlen=LAST_LINES))
    ended = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    return f"{stage} {verb} {ended}: {told or 'it said nothing'}"


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
