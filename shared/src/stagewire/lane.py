"""The fast path through a stage, for what nearly all requests are; all others take the general path.

A lane takes rows without names, every one of them good, and a model that computes on arrays. Where
anything is unusual it returns None before it has done anything, and the general path decides. Both
give the same bytes, which tests compare.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from math import isfinite
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import numpy as np

from stagewire import media
from stagewire.answer import Answer, predicted
from stagewire.codec import CODECS, npy, text_csv
from stagewire.codec.charset import UTF8
from stagewire.codec.plain_csv import plain
from stagewire.encoding import offers, wanted
from stagewire.request import Origin, Policy, Request, from_parameters
from stagewire.results import single

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stagewire.codec.plain_csv import Cell
    from stagewire.stage import Stage
    from stagewire.table import Array, Column

HOP: Final = "hop"

# A number beyond it may round to infinity as float32.
_LARGEST: Final = float(np.finfo(np.float32).max)


@runtime_checkable
class Transforms(Protocol):
    """A model whose features are computed from cells of few rows, or columns of many."""

    def few(self, rows: Sequence[Sequence[Cell]]) -> list[float] | None:
        """Return the features of all rows, one row after another, or None."""
        ...

    def many(self, columns: Sequence[Array]) -> NDArray[np.float64] | None:
        """Return the features, shape (rows, features), or None."""
        ...


@runtime_checkable
class Predicts(Protocol):
    """A model whose predictions are computed from one array of float32 features."""

    def block(self, features: NDArray[np.float32]) -> tuple[Column, ...]:
        """Return the columns of the predictions for features of shape (rows, features)."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """What a Content-Type says apart from the id: the format, the options, and what a hop says of them.

    `id` tells whether it has one: what looks like one may be part of another parameter's value.
    """

    csv: bool
    request: Request
    passed: str
    id: bool


def opened(header: str, policy: Policy) -> Opened | None:
    """Read a Content-Type whose id is out of the way; None where it asks for anything unusual.

    Raises:
        StageError: it cannot be read.

    """
    found = media.parse(header)
    parameters = found.parameters
    # Another id here is one in quotes, or one before the id that was taken out.
    usual = parameters.get("sw-id", media.ANY_ID) == media.ANY_ID
    if found.name == media.CSV:
        usual &= "sw-id" not in parameters
        usual &= found.charset.lower() in UTF8 and parameters.get("header", "absent") == "absent"
        origin = Origin.CSV
    else:
        usual &= found.name == media.NPY
        origin = Origin.NPY
    request = from_parameters(parameters, origin=origin, given_id=media.ANY_ID, policy=policy)
    if not usual or request.origin.named:
        return None
    rest = media.render("", {k: v for k, v in request.parameters().items() if k != "sw-id"})
    return Opened(found.name == media.CSV, request, rest, "sw-id" in parameters)


class Lane:
    """What both kinds of lane share: how a request is opened, and the form of its answer."""

    def __init__(self, stage: Stage) -> None:
        assert stage.input is not None  # noqa: S101 (`lane` has looked)
        self.stage = stage
        self.model: Any = stage.model
        self.width = len(stage.input.fields)
        self.plain = plain(stage.input)
        # Bounded, since callers choose the headers.
        self.opened = lru_cache(maxsize=64)(partial(opened, policy=stage.policy))
        self.form = lru_cache(maxsize=64)(self._form)

    def __call__(
        self, body: bytes, kind: str, accept: str | None, given: str, *, passed: bool
    ) -> tuple[bytes, str] | None:
        """Answer a request, or return None to leave it to the general path.

        `kind` is its Content-Type without the id, `given` the id, and `passed` says that it stood there.
        """
        try:
            found = self.opened(kind)
            if found is None or found.id != passed:
                return None
            form = self.form(accept, found.request.origin)
            return None if form is None else self.answer(body, found, form, given)
        except Exception:  # noqa: BLE001 (the general path fails too, and says why)
            return None

    def answer(self, body: bytes, found: Opened, form: str, given: str) -> tuple[bytes, str] | None:
        """Compute and write; `given` is the request's id."""
        raise NotImplementedError

    def _form(self, accept: str | None, origin: Origin) -> str | None:
        stage = self.stage
        obeyed = wanted(
            accept,
            hops=stage.hop_dtype is not None,
            featurized=isinstance(self, Features),
            default=stage.default_accept,
        )
        if obeyed is None:
            return HOP
        chosen = media.choose(media.accept(obeyed), offers(origin))
        return chosen[0] if chosen else None


class Features(Lane):
    """Rows of CSV become features, for the hop or as CSV."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        assert stage.output is not None  # noqa: S101 (`lane` has looked)
        self.features = len(stage.output.fields)
        self.dtype = np.dtype("<f4" if stage.hop_dtype == "float32" else "<f8")
        self.packed = lru_cache(maxsize=64)(self._packed)

    def answer(self, body: bytes, found: Opened, form: str, given: str) -> tuple[bytes, str] | None:
        """Featurize; anything but CSV in, and the hop or CSV out, is left to the general path."""
        if not found.csv or form not in {HOP, media.CSV}:
            return None
        rows = self.plain.few(body)
        flat = self.model.few(rows) if rows is not None else None
        kind = _hop(given, found.passed) if form == HOP else media.CSV
        if flat is not None and form == HOP:
            # One sum tells whether all are finite, unless it overflows itself.
            if not isfinite(sum(flat)) or max(flat) > _LARGEST or min(flat) < -_LARGEST:
                return None
            head, pack = self.packed(len(flat) // self.features)
            return head + pack(*flat), kind
        matrix = np.array(flat).reshape(-1, self.features) if flat is not None else self._many(body)
        cast = None if matrix is None else single(matrix)
        if matrix is None or cast is None:
            return None
        if form != HOP:
            return text_csv.block(matrix), kind
        return npy.dump(cast if self.dtype.itemsize == cast.itemsize else matrix), kind

    def _many(self, body: bytes) -> NDArray[np.float64] | None:
        columns = self.plain.columns(body)
        found: NDArray[np.float64] | None = None if columns is None else self.model.many(columns)
        return found

    def _packed(self, rows: int) -> tuple[bytes, Any]:
        pack = Struct(f"<{rows * self.features}{self.dtype.char}").pack
        return npy.head(self.dtype.str, (rows, self.features)), pack


class Scores(Lane):
    """Rows of CSV, or of float32 npy as the hop has them, become predictions in any form."""

    def answer(self, body: bytes, found: Opened, form: str, given: str) -> tuple[bytes, str] | None:
        """Predict."""
        block = self._csv(body) if found.csv else self._npy(body)
        block = None if block is None else single(block)
        if block is None:
            return None
        columns = self.model.block(block)
        if form == media.CSV:
            shown = columns if found.request.proba else predicted(columns)
            return text_csv.document(shown, header=False), form
        request = replace(found.request, id=given)
        classes = self.stage.output.classes if self.stage.output else ()
        return CODECS[form].write(Answer(request, len(block), (), columns, classes)), form

    def _csv(self, body: bytes) -> Array | None:
        rows = self.plain.few(body)
        if rows is not None:
            return np.array(rows)
        columns = self.plain.columns(body)
        return None if columns is None else np.column_stack(columns)

    def _npy(self, body: bytes) -> Array | None:
        block = npy.load(body)
        usual = block.dtype == np.float32 and block.ndim == 2  # noqa: PLR2004 (rows and columns)
        return block if usual and len(block) and block.shape[1] == self.width else None


def _hop(given: str, passed: str) -> str:
    """Write the Content-Type of a hop, as `media.render` does."""
    # Of all that an id may hold, only a colon is no token (RFC 9110 §5.6.2).
    shown = f'"{given}"' if ":" in given else given
    return f"{media.NPY}; sw-id={shown}{passed}"


def lane(stage: Stage) -> Lane | None:
    """Make the lane of a stage, None where a function of its own has a part in every request."""
    script = stage.script
    own = script.user or script.input_fn or script.output_fn or script.transform_fn
    if own or stage.input is None or stage.output is None:
        return None
    types = {field.dtype for field in stage.input.fields}
    if isinstance(stage.model, Transforms) and types <= {"float64", "string"}:
        return Features(stage)
    if isinstance(stage.model, Predicts) and types == {"float32"}:
        return Scores(stage)
    return None
