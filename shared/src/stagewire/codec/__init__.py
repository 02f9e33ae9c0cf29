"""Bytes to columns and answers to bytes, one codec a media type, all of them in one dict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagewire import media
from stagewire.codec import arrow, json_lines, npy, text_csv, text_json
from stagewire.errors import UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagewire.answer import Answer
    from stagewire.media import MediaType
    from stagewire.parsed import Parsed
    from stagewire.schema import Schema


@dataclass(frozen=True, slots=True)
class Codec:
    """Two functions: a body to columns, and an answer to a body."""

    parse: Callable[[bytes, MediaType, Schema | None], Parsed]
    write: Callable[[Answer], bytes]


def codec(name: str) -> Codec:
    """Find the codec of a media type.

    Raises:
        UnsupportedMedia: there is none; names those there are.

    """
    found = CODECS.get(name)
    if found is None:
        raise UnsupportedMedia(f"the content type {name!r} is not one of: {', '.join(CODECS)}")
    return found


CODECS: Mapping[str, Codec] = {
    media.CSV: Codec(text_csv.parse, text_csv.write),
    media.JSON: Codec(text_json.parse, text_json.write),
    media.JSONLINES: Codec(json_lines.parse, json_lines.write),
    media.NPY: Codec(npy.parse, npy.write),
    media.ARROW: Codec(arrow.parse, arrow.write),
}
