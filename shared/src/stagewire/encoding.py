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
    data: Table, answer: Answer, accept: str | None, *, hop_dtype: DType | None = None
) -> tuple[bytes, str]:
    """Write an answer; returns body and Content-Type.

    `hop_dtype` is set on a stage whose answers go to another stage of ours.

    Raises:
        Malformed: the Accept header cannot be read.
        NotAcceptable: nothing that it allows can carry the answer; names the reason.

    """
    ranges = media.accept(accept or "*/*")
    if hop_dtype and answer.featurized and hop.is_hop(ranges):
        return hop.encode(data, answer, hop_dtype)
    own = MIRRORED[answer.request.origin]
    offers = [own, *(name for name in CODECS if name != own)]
    refusal = NotAcceptable(
        f"Accept is {accept!r}, and the answer can be one of: {', '.join(CODECS)}"
    )
    while chosen := media.choose(ranges, offers):
        try:
            # The bare name: stages that are not ours compare content types as strings.
            return CODECS[chosen[0]].write(answer), chosen[0]
        except NotAcceptable as error:
            if chosen[1].media.name == "*/*":
                raise  # who takes anything gets the form that they sent, or the reason
            # What is wanted most cannot carry this answer; perhaps the next can.
            refusal = error
            offers.remove(chosen[0])
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
