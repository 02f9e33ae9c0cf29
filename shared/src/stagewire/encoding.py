"""Choosing the form of an answer: the caller's own unless Accept states another, the hop's between stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagewire import hop, media
from stagewire.codec import CODECS
from stagewire.errors import NotAcceptable
from stagewire.request import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagewire.answer import Answer
    from stagewire.schema import DType
    from stagewire.table import Table


def encode(
    data: Table,
    answer: Answer,
    accept: str | None,
    *,
    hop_dtype: DType | None = None,
    default: str | None = None,
) -> tuple[bytes, str]:
    """Write an answer; returns body and Content-Type.

    `hop_dtype` is set on a stage whose answers go to another stage of ours, `default` stands in
    for an Accept that leaves the format open.

    Raises:
        Malformed: the Accept header cannot be read.
        NotAcceptable: nothing that it allows can carry the answer; names the reason.

    """
    hops = hop_dtype is not None
    obeyed = wanted(accept, hops=hops, featurized=answer.featurized, default=default)
    if obeyed is None:
        return hop.encode(data, answer, hop_dtype or "float64")
    return _negotiated(answer, obeyed)


def wanted(
    accept: str | None, *, hops: bool, featurized: bool, default: str | None = None
) -> str | None:
    """Return the Accept that is obeyed, None for the hop's format.

    Raises:
        Malformed: the Accept header cannot be read.

    """
    stated = accept or "*/*"
    first = media.accept(stated)[0]
    leads = first.media.name if first.q else None  # with q=0 it is a refusal
    is_open = leads in hop.OPEN if hops else leads == "*/*"
    if is_open and default:
        return default
    return None if is_open and hops and featurized else stated


def offers(origin: Origin) -> list[str]:
    """List the formats that an answer may have, the caller's own first."""
    own = MIRRORED[origin]
    return [own, *(name for name in CODECS if name != own)]


def _negotiated(answer: Answer, accept: str) -> tuple[bytes, str]:
    ranges, left = media.accept(accept), offers(answer.request.origin)
    refusal = NotAcceptable(
        f"Accept is {accept!r}, and the answer can be one of: {', '.join(CODECS)}"
    )
    while chosen := media.choose(ranges, left):
        try:
            # The bare name: stages that are not ours compare content types as strings.
            return CODECS[chosen[0]].write(answer), chosen[0]
        except NotAcceptable as error:
            if chosen[1].media.name == "*/*":
                raise  # Accept */* means the request's own form, or the reason why not
            # The format wanted most cannot carry this answer; perhaps the next one can.
            refusal = error
            left.remove(chosen[0])
    raise refusal


MIRRORED: Mapping[Origin, str] = {
    Origin.CSV: media.CSV,
    Origin.CSV_HEADER: media.CSV,
    Origin.JSON_RECORDS: media.JSON,
    Origin.JSON_RECORD: media.JSON,
    Origin.JSON_SPLIT: media.JSON,
    Origin.JSON_INSTANCES: media.JSON,
    Origin.JSON_INPUTS: media.JSON,
    Origin.JSON_INPUT: media.JSON,
    Origin.JSON_INPUT_ROW: media.JSON,
    Origin.JSONLINES: media.JSONLINES,
    Origin.NPY: media.NPY,
    Origin.ARROW: media.ARROW,
}
