"""A loaded stage: one request body in, one answer out, with bad rows set apart on the way."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from stagewire import media
from stagewire.answer import assemble
from stagewire.decoding import decode, enforce, refusal, renumber
from stagewire.encoding import encode
from stagewire.errors import BadRows, CallerError, StageError, StageFailed
from stagewire.lane import lane
from stagewire.offload import Offload
from stagewire.request import Origin, Policy, Request, valid_id
from stagewire.results import empty, results, unfit
from stagewire.script import body_for, call, typed
from stagewire.table import Role, Table

if TYPE_CHECKING:
    from collections.abc import Generator

    from stagewire.answer import Answer
    from stagewire.lane import Lane
    from stagewire.manifest import Manifest
    from stagewire.schema import DType, Schema
    from stagewire.script import Context, Script

    Steps: TypeAlias = Generator[Table, Table, tuple[bytes, str]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stage:
    """Functions, the model they loaded, and what the deployment decides.

    `hop_dtype` is set when the next stage is ours; `default_accept` stands in for an absent or
    open Accept, as SageMaker's toolkits have it; `straight` lets usual requests take the lane, the fast path.
    """

    name: str
    script: Script
    model: Any
    input: Schema | None = None
    output: Schema | None = None
    manifest: Manifest | None = None
    policy: Policy = Policy.FAIL
    hop_dtype: DType | None = None
    default_accept: str | None = None
    straight: bool = True
    _lane: Lane | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        """Make the lane, which needs all other fields."""
        if self.straight:
            object.__setattr__(self, "_lane", lane(self))

    @property
    def inline_bytes(self) -> int:
        """The largest body that is not worth a thread: the model's own figure, else its module's."""
        own = None if self.script.user else getattr(self.model, "inline_bytes", None)
        return self.script.inline_bytes if own is None else int(own)

    def answer(
        self, body: bytes, content_type: str, accept: str | None, context: Context
    ) -> tuple[bytes, str]:
        """Turn a request body into a response body and its Content-Type.

        Raises:
            StageError: any refusal; what the stage's own code raised is a StageFailed.
            Offload: it would take too long for the event loop that this was called on.

        """
        try:
            request = (body, content_type, accept, context)
            return self._straight(*request) or self._answer(*request)
        except (StageError, Offload):
            raise
        except (Exception, SystemExit) as error:
            raise failure(error, context) from error

    def _straight(
        self, body: bytes, content_type: str, accept: str | None, context: Context
    ) -> tuple[bytes, str] | None:
        if self._lane is None:
            return None
        bare, passed = media.apart(content_type)
        given = context.request_id if passed is None else passed
        if not valid_id(given):
            return None
        found = self._lane(body, bare, accept, given, passed=passed is not None)
        if found is not None:
            context.request_id = given
        return found

    def at_once(
        self, body: bytes, kind: str, accept: str | None, given: str, *, passed: bool
    ) -> tuple[bytes, str] | None:
        """Answer by the lane, or return None: the request is then as if it had not been tried."""
        return self._lane(body, kind, accept, given, passed=passed) if self._lane else None

    def _answer(
        self, body: bytes, content_type: str, accept: str | None, context: Context
    ) -> tuple[bytes, str]:
        if self.script.transform_fn:
            wanted = self._user_accept(accept)
            arguments = (self.model, body_for(body, content_type), content_type, wanted)
            return typed(call(self.script.transform_fn, *arguments, context=context), wanted)
        if self.script.input_fn:
            given = body_for(body, content_type)
            data = call(self.script.input_fn, given, content_type, context=context)
            return self._finish(data, content_type, accept, context)
        table = self._decode(body, content_type, context)
        if self.script.output_fn:
            if table.errors:
                # The user's own writer knows nothing of rows that are null.
                raise refusal(table.errors, table.rows)
            data = self.given(table.good())
            return self._finish(data, content_type, accept, context)
        table, found = self.run(table, context)
        return self._encode(table, assemble(table, found, self.output), accept)

    def _decode(self, body: bytes, content_type: str, context: Context) -> Table:
        table = decode(
            body,
            media.parse(content_type),
            self.input,
            request_id=context.request_id,
            policy=self.policy,
        )
        context.request_id = table.request.id
        return table

    def steps(self, body: bytes, content_type: str, accept: str | None, context: Context) -> Steps:
        """Answer where others compute: gives good rows, and is sent their results or thrown BadRows.

        Only for a stage of ours, which brings no functions to read and write with.

        Raises:
            StageError: any refusal.

        """
        table, found = yield from self._apart(self._decode(body, content_type, context))
        return self._encode(table, assemble(table, found, self.output), accept)

    def _finish(
        self, data: Any, content_type: str, accept: str | None, context: Context
    ) -> tuple[bytes, str]:
        """Predict and write what a user's own input_fn or output_fn has a part in."""
        if self.script.predict_fn is None:
            raise StageFailed("there is no predict_fn")
        found = call(self.script.predict_fn, data, self.model, context=context)
        if self.script.output_fn:
            wanted = self._user_accept(accept)
            return typed(call(self.script.output_fn, found, wanted, context=context), wanted)
        made = results(found, None, self.output)
        request = Request(context.request_id, _ORIGINS.get(_name(content_type), Origin.CSV))
        table = Table((), made.rows, request)
        return self._encode(table, assemble(table, made, self.output), accept)

    def run(self, table: Table, context: Context) -> tuple[Table, Table]:
        """Predict the good rows; rows that turn out to be bad are set apart, and the rest is predicted.

        Returns the table with all its errors, and the results of its good rows.

        Raises:
            BadRows: rows are bad and the policy is `fail`; names every one of them.

        """
        steps = self._apart(table)
        try:
            good = next(steps)
            while True:
                try:
                    found = self.predict(good, context)
                except BadRows as error:
                    good = steps.throw(error)
                except StopIteration as error:  # which here would be the end of the steps
                    raise failure(error, context) from error
                else:
                    good = steps.send(found)
        except StopIteration as end:
            done: tuple[Table, Table] = end.value
            return done

    def _apart(self, table: Table) -> Generator[Table, Table, tuple[Table, Table]]:
        while True:
            good = table.good()
            try:
                found = (yield good) if good.rows else empty(self.output)
                bad = unfit(good, found)
            except BadRows as error:
                if not error.rows:
                    raise
                bad = list(error.rows)
            else:
                if not bad:
                    return enforce(table), found
            errors = (*table.errors, *renumber(bad, table.valid))
            table = replace(table, errors=tuple(sorted(errors, key=lambda e: e.row)))

    def predict(self, data: Table, context: Context) -> Table:
        """Compute the results of rows that are all good."""
        if self.script.predict_fn is None:
            raise StageFailed("there is no predict_fn")
        found = call(self.script.predict_fn, self.given(data), self.model, context=context)
        return results(found, data.rows, self.output)

    def given(self, data: Table) -> Any:
        """Return the rows as the stage's predict_fn takes them."""
        return data if self.script.takes_table else data.frame(Role.FEATURE)

    def _encode(self, table: Table, answer: Answer, accept: str | None) -> tuple[bytes, str]:
        return encode(table, answer, accept, hop_dtype=self.hop_dtype, default=self.default_accept)

    def _user_accept(self, accept: str | None) -> str:
        """Give a user's function what the toolkit would: JSON where nothing is asked."""
        wanted = (accept or "*/*").strip()
        return (self.default_accept or media.JSON) if wanted == "*/*" else wanted


def failure(error: BaseException, context: Context) -> StageFailed:
    """Log what the stage's own code raised; returns what the caller is told."""
    fields = {"request_id": context.request_id}
    _log.error("the stage's code failed", exc_info=error, extra={"fields": fields})
    msg = f"the stage's code failed with {type(error).__name__}; the log has request {context.request_id}"
    return StageFailed(msg)


def _name(content_type: str) -> str:
    try:
        return media.parse(content_type).name
    except CallerError:
        return ""  # the user's input_fn took it, so it is nobody's fault


_ORIGINS = {
    media.CSV: Origin.CSV,
    media.JSON: Origin.JSON_INSTANCES,
    media.NPY: Origin.NPY,
}
