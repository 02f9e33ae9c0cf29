"""Every failure that the program explains in words instead of a traceback; each ends it with 1.

PipelineError
 |-- DataError        the data set cannot be trained on
 |-- ChildError       a stage's own process failed, or is not installed
 |-- PackageError     the two models do not make one chain, or there is none
 |-- ImageError       an image cannot be built or pushed
 |-- DoorError        the door on this machine did not start, or did not stop
 |-- DeployError      something would not be deployed, or AWS refused to make it
 |    `-- FailedError     the endpoint was made and did not come into service
 `-- EndpointError    the endpoint cannot be reached, or refused the call
      |-- BusyError       the same call may succeed later
      |-- TooLargeError   the same rows may go through in smaller parts
      `-- RefusalError    a container refused the rows (the platform's ModelError)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class PipelineError(Exception):
    """Anything that the user can correct."""


class DataError(PipelineError):
    """The data set cannot be trained on."""


class ChildError(PipelineError):
    """A stage's own process failed, or the stage is not installed."""


class PackageError(PipelineError):
    """The two models do not make one chain, or there is none."""


class ImageError(PipelineError):
    """An image cannot be built or pushed."""


class DoorError(PipelineError):
    """The door on this machine did not start, or did not stop."""


class DeployError(PipelineError):
    """Something cannot be deployed or deleted: by our own rules, or by AWS's answer."""


class FailedError(DeployError):
    """The endpoint did not come into service; `logs` are the last lines, by log stream."""

    def __init__(self, message: str, logs: Mapping[str, tuple[str, ...]]) -> None:
        """Keep what the containers said last."""
        super().__init__(message)
        self.logs = logs


class EndpointError(PipelineError):
    """The endpoint cannot be reached, or refused the call."""


class BusyError(EndpointError):
    """The endpoint is busy or out of reach; the same call may succeed later."""


class TooLargeError(EndpointError):
    """The rows, or what a container makes of them, are more than one request may carry."""


@dataclass(frozen=True)
class Refusal:
    """What a container said: its status and, from a stage of ours, the cells at fault.

    `rows` hold `row`, `column`, `value` and `reason`, and `line` where the file's is known;
    `bad_rows` counts them all, listed or not.
    """

    message: str
    status: int
    stage: str | None = None
    rows: tuple[Mapping[str, Any], ...] = ()
    bad_rows: int = 0


class RefusalError(EndpointError):
    """A container refused the rows; `refusal` has the details."""

    def __init__(self, refusal: Refusal) -> None:
        """Say it in one line."""
        who = f"the container of stage {refusal.stage!r}" if refusal.stage else "a container"
        super().__init__(f"{who} answered {refusal.status}: {refusal.message}")
        self.refusal = refusal
