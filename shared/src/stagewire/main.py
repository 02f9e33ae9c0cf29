"""The program of a stage: `serve` and `train`, as SageMaker calls an image, and `compile` for packaging."""

from __future__ import annotations

import importlib
import logging
import signal
import sys
import traceback
from typing import TYPE_CHECKING

from stagewire import address, loading, logs, settings
from stagewire.errors import ArtifactError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagewire.settings import Settings

# SageMaker shows the first 1024 characters of the failure file (training-algo-output).
_FAILURE_CHARACTERS = 1024

_log = logging.getLogger(__name__)


def main(name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a stage's program; returns its exit status."""
    command, hop_dtype = _asked(name, sys.argv[1:] if arguments is None else arguments)
    try:
        found = settings.read()
        if command == "serve":
            address.check(found)
    except ConfigError as error:
        logs.start(name, logging.INFO)
        _log.critical("cannot start: %s", error)
        return 2
    logs.start(name, found.log_level, printed=command == "serve")
    if command == "serve":
        from stagewire.serve import serve

        for key in found.unknown:
            _log.warning("%s is no setting of a stage, and is ignored", key)
        return serve(name, found)
    if command == "train":
        return train(name, found)
    return _compile(name, found, hop_dtype)


def _asked(name: str, words: Sequence[str]) -> tuple[str, str | None]:
    """Return the command, and for `compile` the type of the hop."""
    if list(words) == ["serve"]:
        # What an image is told at each start, to which argparse would add 2 ms.
        return "serve", None
    import argparse

    parser = argparse.ArgumentParser(name, description=f"The stage {name}.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="answer GET /ping and POST /invocations")
    commands.add_parser("train", help="train from input/ into model/ under SAGEMAKER_BASE_DIR")
    compiling = commands.add_parser("compile", help="make model/ a complete artifact")
    compiling.add_argument("--hop-dtype", choices=["float32", "float64"], default=None)
    options = parser.parse_args(words)
    return options.command, getattr(options, "hop_dtype", None)


class Stopped(BaseException):
    """A signal ends the training: SageMaker stops a job by SIGTERM, a person by Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.status = 128 + number  # as shells count, and as Docker shows it


def _stop(number: int, _frame: object) -> None:
    raise Stopped(number)


def train(name: str, found: Settings) -> int:
    """Train, or write the reason why not to `output/failure`; returns the exit status."""
    from stagewire.training import Job, TrainingError

    # The first process of a container ignores what it has no handler for.
    before = {number: signal.signal(number, _stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        importlib.import_module(f"{loading.module(name)}.training").train(Job(found.base))
    except (TrainingError, ArtifactError) as error:
        return _failed(found, str(error))
    except Stopped as stopped:
        return _failed(found, str(stopped), stopped.status)
    except Exception as error:  # noqa: BLE001 (whatever it is, SageMaker shows the reason)
        _log.exception("training failed")
        last = traceback.extract_tb(error.__traceback__)[-1]
        return _failed(found, f"{type(error).__name__}: {error} ({last.name}, line {last.lineno})")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    _log.info("trained")
    return 0


def _failed(found: Settings, reason: str, status: int = 1) -> int:
    _log.error("training failed: %s", reason)
    path = found.base / "output" / "failure"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(reason[:_FAILURE_CHARACTERS] + "\n", encoding="utf-8")
    except OSError as error:
        _log.error("the reason cannot be written: %s", error)
    return status


def _compile(name: str, found: Settings, hop_dtype: str | None) -> int:
    from stagewire.compiling import compile_model
    from stagewire.training import TrainingError

    try:
        compile_model(name, found, hop_dtype=hop_dtype)
    except (ArtifactError, TrainingError) as error:
        _log.error("cannot compile: %s", error)
        print(error, file=sys.stderr)  # noqa: T201 (`stagewire package` reads it here)
        return 1
    return 0
