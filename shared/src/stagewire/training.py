"""SageMaker's training layout: hyperparameters and channels in, a model out, a reason on failure."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from stagewire.channel import Channel, TrainingError, read_csv, write_csv

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

__all__ = ["Channel", "Hyperparameters", "Job", "TrainingError", "read_csv", "write_csv"]

# What SageMaker itself adds: its toolkits' settings, and in a tuning job the metric that is tuned.
_PLATFORM = ("sagemaker_", "_tuning_objective_metric")
# Names the columns of headerless files; the job itself reads it, for every stage.
_COLUMNS = "columns"

_log = logging.getLogger("training")


@dataclass(frozen=True)
class Hyperparameters:
    """The job's settings, all text as SageMaker passes them; each look-up names key and value when it fails."""

    values: Mapping[str, str]

    def known(self, keys: Collection[str]) -> None:
        """Check that a training knows all keys that were given.

        Raises:
            TrainingError: some are unknown; a misspelt one would otherwise be ignored silently.

        """
        understood = {*keys, _COLUMNS}
        own = {key for key in self.values if not key.startswith(_PLATFORM)}
        if unknown := sorted(own - understood):
            raise TrainingError(
                f"unknown hyperparameters {unknown}; known are {sorted(understood)}"
            )

    def text(self, key: str, default: str | None = None) -> str | None:
        """Return a value, None when it is absent or empty."""
        return _plain(self.values.get(key, "").strip()) or default

    def integer(self, key: str, default: int) -> int:
        """Return a whole number."""
        return int(self._number(key, default, int, "a whole number"))

    def number(self, key: str, default: float) -> float:
        """Return a number."""
        return float(self._number(key, default, float, "a number"))

    def _number(self, key: str, default: float, kind: type[int | float], wanted: str) -> float:
        value = self.text(key)
        if value is None:
            return default
        try:
            found = kind(value)
        except ValueError:
            found = math.nan
        if not -math.inf < found < math.inf:
            raise TrainingError(
                f"the hyperparameter {key} has the value {value!r}; it must be {wanted}"
            )
        return found

    def choice(self, key: str, allowed: Sequence[str], default: str | None = None) -> str | None:
        """Return one of some words."""
        value = self.text(key, default)
        if value is not None and value not in allowed:
            raise TrainingError(
                f"the hyperparameter {key} has the value {value!r}; it must be one of: {', '.join(allowed)}"
            )
        return value

    def names(self, key: str) -> tuple[str, ...] | None:
        """Return a list of names, written as JSON or with commas."""
        value = self.text(key)
        if value is None:
            return None
        if not value.startswith("["):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        try:
            found = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise TrainingError(
                f"the hyperparameter {key} has the value {value!r}, which is not JSON: {error}"
            ) from None
        return tuple(str(name) for name in found)


def _plain(value: str) -> str:
    """Undo what SageMaker's framework estimators do: they write each value as JSON, so text in quotes."""
    if value == "null":
        return ""
    try:
        found = orjson.loads(value) if value.startswith('"') else value
    except orjson.JSONDecodeError:
        return value
    return str(found).strip()


@dataclass(frozen=True)
class Job:
    """One training job under a base directory, `/opt/ml` on SageMaker."""

    base: Path

    @cached_property
    def hyperparameters(self) -> Hyperparameters:
        """What `input/config/hyperparameters.json` says; nothing when there is no such file.

        Raises:
            TrainingError: the file is not a JSON object.

        """
        path = self.base / "input" / "config" / "hyperparameters.json"
        if not path.is_file():
            return Hyperparameters({})
        try:
            found = orjson.loads(path.read_bytes())
        except orjson.JSONDecodeError as error:
            raise TrainingError(f"{path} is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise TrainingError(f"{path} must hold one JSON object of names and values")
        return Hyperparameters(
            {key: v if isinstance(v, str) else orjson.dumps(v).decode() for key, v in found.items()}
        )

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels that hold files."""
        folder = self.base / "input" / "data"
        return tuple(sorted(p.name for p in folder.glob("*") if p.is_dir() and any(p.iterdir())))

    def channel(self, name: str) -> Channel:
        """Read all CSV files of a channel, in the order of their names.

        Raises:
            TrainingError: there is no such channel, or its files cannot be read together.

        """
        folder = self.base / "input" / "data" / name
        files = sorted(folder.glob("*.csv")) if folder.is_dir() else []
        if not files:
            have = ", ".join(self.channels) or "none"
            raise TrainingError(f"{folder} holds no .csv file; the channels with files are: {have}")
        parts = [read_csv(path, self.hyperparameters.names(_COLUMNS)) for path in files]
        return parts[0].joined(*parts[1:])

    @property
    def model_dir(self) -> Path:
        """Where the model goes; made when it is absent."""
        return _made(self.base / "model")

    def data_dir(self, channel: str) -> Path:
        """Where a channel's rows go when they are made for the next stage."""
        return _made(self.base / "output" / "data" / channel)

    def say(self, message: str, **figures: Any) -> None:
        """Report progress as one line of the log."""
        _log.info(message, extra={"fields": figures})


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
