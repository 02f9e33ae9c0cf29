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
    from stagewire.request import Request
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
    name = negotiate(ranges, answer.request, accept)
    # The bare name: stages that are not ours compare content types as strings.
    return CODECS[name].write(answer), name


def negotiate(ranges: tuple[media.Range, ...], request: Request, accept: str | None) -> str:
    """Choose a media type, the one that the caller used before all others.

    Raises:
        NotAcceptable: none that there is may be sent.

    """
    own = MIRRORED[request.origin]
    chosen = media.choose(ranges, (own, *(name for name in CODECS if name != own)))
    if chosen is None:
        msg = f"Accept is {accept!r}, and the answer can be one of: {', '.join(CODECS)}"
        raise NotAcceptable(msg)
    return chosen[0]


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
