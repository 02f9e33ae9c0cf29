"""Every refusal a stage can answer, with its status, so that one handler serves them all.

StageError                          500  internal
 |-- CallerError                    400
 |    |-- Malformed                 400  malformed            the body cannot be read as what it claims to be
 |    |-- NotFound                  404  not_found            no such route
 |    |-- MethodNotAllowed          405  method_not_allowed
 |    |-- NotAcceptable             406  not_acceptable       no form that Accept allows can carry the answer
 |    |-- TooLarge                  413  too_large            the body is over the limit
 |    |-- UnsupportedMedia          415  unsupported_media    a content type, charset or encoding nobody decodes
 |    |-- SchemaMismatch            422  schema_mismatch      the columns themselves are not the stage's
 |    `-- BadRows                   422  bad_rows             rows that break the schema, each named
 `-- ServerError                    500
      |-- StageFailed               500  stage_failed         the stage's own code raised
      |-- NotReady                  503  not_ready            loading, refused to load, or stopping
      |-- Busy                      503  busy                 the queue is full
      `-- DeadlineExceeded          503  deadline_exceeded    waited longer than the server's timeout
ConfigError                              start-up only        an environment value that cannot be used
ArtifactError                            start-up only        a model directory that cannot be served
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

# More rows than this are counted, not listed: an answer with every row of a broken
# 25 MiB body would be larger than the body, and SageMaker cuts it anyway.
LISTED_ROWS = 100

# A message may quote what came, a header of any length among it; a hundred names of columns fit.
MESSAGE_CHARACTERS = 16 * 1024


@dataclass(frozen=True, slots=True)
class RowError:
    """One cell that breaks the schema.

    `row` counts data rows from 0 (a CSV header is not a row); `column` is None when the whole row
    is at fault; `value` is the cell as text, shortened.
    """

    row: int
    column: str | None
    value: str | None
    reason: str

    def __str__(self) -> str:
        """Say it in one line, with the row."""
        return f"row {self.row}: {self.text}"

    @property
    def text(self) -> str:
        """Say it without the row, as the `prediction_error` column does."""
        if self.column is None:
            return self.reason
        value = f" {self.value!r}" if self.value is not None else ""
        return f"column {self.column!r}{value} {self.reason}"


class StageError(Exception):
    """Anything that a stage answers instead of a result."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    retry_after: ClassVar[int | None] = None

    def __init__(self, message: str, *, rows: Sequence[RowError] = ()) -> None:
        """Keep the message for the caller and the rows at fault, all of them."""
        if len(message) > MESSAGE_CHARACTERS:
            message = message[: MESSAGE_CHARACTERS - 1] + "…"
        super().__init__(message)
        self.message = message
        self.rows = tuple(rows)

    def as_json(self, *, stage: str, request_id: str) -> dict[str, object]:
        """Return the one shape of errors, that of every route of every stage."""
        error: dict[str, object] = {
            "code": self.code,
            "message": self.message,
            "stage": stage,
            "request_id": request_id,
        }
        # Before the rows: the platform passes on 2,048 characters, and the count must be in them.
        if self.rows:
            error["bad_row_count"] = len({row.row for row in self.rows})
        error["rows"] = [asdict(row) for row in self.rows[:LISTED_ROWS]]
        return {"error": error}


class CallerError(StageError):
    """The caller's fault: sending the same again will fail again."""

    status = 400
    code = "bad_request"


class Malformed(CallerError):
    """The body cannot be read as what it claims to be."""

    code = "malformed"


class NotFound(CallerError):
    """No such route."""

    status = 404
    code = "not_found"


class MethodNotAllowed(CallerError):
    """The route exists for another method."""

    status = 405
    code = "method_not_allowed"


class NotAcceptable(CallerError):
    """No form that Accept allows can carry the answer."""

    status = 406
    code = "not_acceptable"


class TooLarge(CallerError):
    """The body is over the limit."""

    status = 413
    code = "too_large"


class UnsupportedMedia(CallerError):
    """A content type, charset or content encoding that nobody here decodes."""

    status = 415
    code = "unsupported_media"


class SchemaMismatch(CallerError):
    """The columns themselves are not the stage's: one is absent, doubled or of another type."""

    status = 422
    code = "schema_mismatch"


class BadRows(CallerError):
    """Rows that break the schema; `rows` names every one."""

    status = 422
    code = "bad_rows"


class ServerError(StageError):
    """Our fault, or a bad moment: the request itself may be right."""


class StageFailed(ServerError):
    """The stage's own code raised; the log has the traceback, the caller does not."""

    code = "stage_failed"


class NotReady(ServerError):
    """The model is loading, or was refused, and `/metadata` says why; or the server stops."""

    status = 503
    code = "not_ready"
    retry_after = 1


class Busy(ServerError):
    """The queue is full."""

    status = 503
    code = "busy"
    retry_after = 1


class DeadlineExceeded(ServerError):
    """The request waited or ran longer than the server's timeout."""

    status = 503
    code = "deadline_exceeded"
    retry_after = 1


class ConfigError(ValueError):
    """An environment value that cannot be used; names key, value and what would do."""


class ArtifactError(Exception):
    """A model directory that cannot be served; `/ping` stays 503 with this reason."""
