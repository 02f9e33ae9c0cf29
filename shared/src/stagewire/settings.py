"""The environment, read once into a frozen value, so that a bad setting stops the start by name."""

from __future__ import annotations

import logging
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from stagewire import media
from stagewire.errors import ConfigError, Malformed
from stagewire.limits import (
    BATCH_ROWS,
    BATCH_SECONDS,
    BODY_BYTES,
    INLINE_BYTES,
    MIB,
    REPLY_SECONDS,
)
from stagewire.quota import cpus
from stagewire.request import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

# Its keys are Stagewire's alone, so that one nobody reads is a slip.
_OWN = "STAGEWIRE_"
_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the deployment decides about a stage.

    `body_bytes` in bytes, `reply_seconds` and `batch_seconds` in seconds; `metrics_port` is None
    unless asked for; `threads` are one worker's; `unknown` are keys in our name that nobody reads.
    """

    base: Path = Path("/opt/ml")
    host: str = "0.0.0.0"  # noqa: S104 (a container is reached from outside its network namespace)
    port: int = 8080
    safe_ports: range | None = None
    metrics_port: int | None = None
    default_accept: str | None = None
    program: str | None = None
    workers: int = 1
    reply_seconds: float = REPLY_SECONDS
    log_level: int = logging.INFO
    body_bytes: int = BODY_BYTES
    hop: bool = False
    policy: Policy = Policy.FAIL
    allow_skew: bool = False
    warm: bool = False
    threads: int = 1
    inline_bytes: int = INLINE_BYTES
    batch_rows: int = BATCH_ROWS
    batch_seconds: float = BATCH_SECONDS
    access_log: bool = False
    plan: bool = True
    unknown: tuple[str, ...] = ()

    @property
    def model_dir(self) -> Path:
        """Where the artifact stands, read-only on SageMaker."""
        return self.base / "model"


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from a mapping, the process's environment by default.

    Raises:
        ConfigError: a value cannot be used; names key and value.

    """
    env = _Env(os.environ if environ is None else environ)
    safe_ports = env.ports("SAGEMAKER_SAFE_PORT_RANGE")
    port = env.integer("SAGEMAKER_BIND_TO_PORT", 8080, low=1, high=65535)
    workers = env.first_integer("SAGEMAKER_MODEL_SERVER_WORKERS", "MODEL_SERVER_WORKERS")
    return Settings(
        base=Path(env.text("SAGEMAKER_BASE_DIR") or "/opt/ml"),
        host=env.text("STAGEWIRE_HOST") or "0.0.0.0",  # noqa: S104 (as above)
        port=port,
        safe_ports=safe_ports,
        metrics_port=env.metrics_port(safe_ports, port, workers),
        default_accept=env.accept("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"),
        program=env.text("SAGEMAKER_PROGRAM"),
        workers=workers,
        reply_seconds=env.number("MODEL_SERVER_TIMEOUT", REPLY_SECONDS),
        log_level=env.integer("SAGEMAKER_CONTAINER_LOG_LEVEL", logging.INFO, low=0, high=50),
        body_bytes=env.mebibytes("SAGEMAKER_MAX_PAYLOAD_IN_MB", BODY_BYTES),
        hop=env.choice("STAGEWIRE_HOP", {"auto": True, "off": False}, default=False),
        policy=env.choice("STAGEWIRE_BAD_ROWS", {str(p): p for p in Policy}, default=Policy.FAIL),
        allow_skew=env.choice("STAGEWIRE_ALLOW_SKEW", _BOOLEANS, default=False),
        warm=env.choice("STAGEWIRE_START", {"lean": False, "warm": True}, default=False),
        threads=env.integer("STAGEWIRE_THREADS", max(1, cpus() // workers), low=1, high=256),
        inline_bytes=env.integer("STAGEWIRE_INLINE_BYTES", INLINE_BYTES, low=0, high=BODY_BYTES),
        batch_rows=env.integer("STAGEWIRE_BATCH_ROWS", BATCH_ROWS, low=0, high=1_000_000),
        batch_seconds=env.number("STAGEWIRE_BATCH_SECONDS", BATCH_SECONDS, zero=True),
        access_log=env.choice("STAGEWIRE_ACCESS_LOG", _BOOLEANS, default=False),
        plan=env.choice("STAGEWIRE_PLAN", {"on": True, "off": False}, default=True),
        unknown=env.unknown(),
    )


class _Env:
    """Typed look-ups in a mapping; an empty value counts as unset, as in `docker run -e KEY=`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.read: set[str] = set()

    def unknown(self) -> tuple[str, ...]:
        own = (key for key in self.environ if key.startswith(_OWN))
        return tuple(sorted(key for key in own if key not in self.read))

    def text(self, key: str) -> str | None:
        self.read.add(key)
        return self.environ.get(key, "").strip() or None

    def integer(self, key: str, default: int, *, low: int, high: int) -> int:
        value = self.text(key)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,12}", value) or not low <= int(value) <= high:
            raise _bad(key, value, f"a whole number from {low} to {high}")
        return int(value)

    def number(self, key: str, default: float, *, zero: bool = False) -> float:
        value = self.text(key)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (0 < number < 1e6 or (zero and number == 0)):  # noqa: PLR2004 (eleven days, or a terabyte: a slip, not a wish)
            raise _bad(key, value, "a positive number" + (", or 0" if zero else ""))
        return number

    def mebibytes(self, key: str, default: int) -> int:
        found = int(self.number(key, default / MIB) * MIB)
        if not found:
            raise _bad(key, self.text(key) or "", "a byte or more, in MB")
        return found

    def accept(self, key: str) -> str | None:
        value = self.text(key)
        if value is None:
            return None
        try:
            wanted = any(item.q for item in media.accept(value))
        except Malformed:
            wanted = False
        if not wanted:
            raise _bad(key, value, "a media type such as 'application/json'")
        return value

    def choice(self, key: str, allowed: Mapping[str, T], *, default: T) -> T:
        value = self.text(key)
        if value is None:
            return default
        if value.lower() not in allowed:
            raise _bad(key, value, f"one of: {', '.join(allowed)}")
        return allowed[value.lower()]

    def first_integer(self, *keys: str) -> int:
        for key in keys:
            if self.text(key) is not None:
                return self.integer(key, 1, low=1, high=256)
        return 1

    def ports(self, key: str) -> range | None:
        value = self.text(key)
        if value is None:
            return None
        found = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", value)
        if not found or not 0 < int(found[1]) <= int(found[2]) <= 65535:  # noqa: PLR2004 (16-bit ports)
            raise _bad(key, value, "a range such as '21000-21999'")
        return range(int(found[1]), int(found[2]) + 1)

    def metrics_port(self, safe: range | None, taken: int, workers: int) -> int | None:
        key = "STAGEWIRE_METRICS_PORT"
        if (given := self.text(key)) and workers > 1:
            # Each worker counts for itself, and only one of them could have the port.
            raise _bad(key, given, f"unset with {workers} workers; /metrics names the worker")
        if self.text(key) == "auto":
            return self._first(safe or range(taken + 1, min(taken + 2, 65536)), taken)
        port = self.integer(key, 0, low=1, high=65535) or None
        if port is not None and (port == taken or (safe is not None and port not in safe)):
            # Triton dies at start on SageMaker when its metrics port is outside the range.
            raise _bad(key, str(port), f"a port of SAGEMAKER_SAFE_PORT_RANGE other than {taken}")
        return port

    def _first(self, ports: range, taken: int) -> int:
        found = next((port for port in ports if port != taken), None)
        if found is None:
            raise _bad("STAGEWIRE_METRICS_PORT", "auto", f"unset: there is no port but {taken}")
        return found


def _bad(key: str, value: str, wanted: str) -> ConfigError:
    return ConfigError(f"{key} has the value {value!r}; it must be {wanted}")
