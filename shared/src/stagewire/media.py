"""Content types compared by media type with their parameters understood, and Accept as real negotiation.

Exact string comparison is the most common failure of such chains: `text/csv; charset=utf-8`
"is not supported" by the very images that answer it (aws/amazon-sagemaker-examples#3235).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from stagewire.errors import Malformed, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CSV = "text/csv"
JSON = "application/json"
JSONLINES = "application/jsonlines"
NPY = "application/x-npy"
ARROW = "application/vnd.apache.arrow.stream"

# RFC 9110 §5.6.2 and §5.6.6: tokens, and parameters whose values may be quoted.
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(rf"\s*({_WORD})/({_WORD})\s*")
# Java's HttpURLConnection ends its Accept with `*; q=.2, */*; q=.2`, unless it is told otherwise.
_STAR = re.compile(r"\*\s*(?=[;,]|$)")
_QUALITY = re.compile(r"0?(\.\d*)?|1(\.0*)?", re.ASCII)
_PARAMETER = re.compile(rf'\s*;\s*(?:({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_WORD}))?)?\s*')
# The request's id, the one part of a hop's Content-Type that differs between requests; it is taken
# out before the rest is looked up.
ID = r"; sw-id=([0-9A-Za-z_.-]{1,64})"
_ID = re.compile(rf"{ID}(?=;|$)")
ANY_ID = "_"
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type in lower case, and its parameters by lower-case name."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def charset(self) -> str:
        """The charset, UTF-8 when none is stated."""
        return self.parameters.get("charset", "utf-8")


def parse(header: str) -> MediaType:
    """Read a Content-Type.

    Raises:
        UnsupportedMedia: it is not a media type at all.

    """
    bare, passed = apart(header)
    media = _remembered(bare)
    if passed is not None:
        if media is not None and media.parameters.get("sw-id") == ANY_ID:
            return MediaType(media.name, {**media.parameters, "sw-id": passed})
        media = _remembered(header)  # it stood in quotes, or behind another one
    if media is None:
        raise UnsupportedMedia(
            f"the Content-Type {header!r} is not a media type such as 'text/csv; charset=utf-8'"
        )
    return media


def apart(header: str) -> tuple[str, str | None]:
    """Take the request's id out of a Content-Type: what is left, with `ANY_ID` in its place, and the id."""
    found = _ID.search(header)
    if found is None:
        return header, None
    return f"{header[: found.start(1)]}{ANY_ID}{header[found.end() :]}", found[1]


# Clients send few distinct headers; the bound keeps hostile ones from filling the memory.
_REMEMBERED = 256


@lru_cache(maxsize=_REMEMBERED)
def _remembered(header: str) -> MediaType | None:
    media, end = _parse(header, 0)
    return None if header[end:].strip() else media


def _parse(header: str, start: int) -> tuple[MediaType | None, int]:
    found = _TYPE.match(header, start)
    if not found:
        return None, start
    return _parameters(f"{found[1]}/{found[2]}".lower(), header, found.end())


def _parameters(media: str, header: str, end: int) -> tuple[MediaType, int]:
    parameters: dict[str, str] = {}
    while parameter := _PARAMETER.match(header, end):
        name, quoted, token = parameter.groups()
        if name:
            value = _ESCAPE.sub(r"\1", quoted) if quoted is not None else token or ""
            parameters.setdefault(name.lower(), value)
        end = parameter.end()
    return MediaType(media, parameters), end


@dataclass(frozen=True, slots=True)
class Range:
    """One member of an Accept header: what it matches and how much it is wanted."""

    media: MediaType
    q: float

    @property
    def specificity(self) -> int:
        """Rank `a/b` over `a/*` over `*/*`."""
        return 2 - self.media.name.count("*")

    def matches(self, offer: str) -> bool:
        """Tell whether an offered media type falls into the range."""
        kind, _, subtype = self.media.name.partition("/")
        return (kind == "*" or offer.startswith(f"{kind}/")) and (
            subtype == "*" or offer.endswith(f"/{subtype}")
        )


ANY = Range(MediaType("*/*"), 1.0)


@lru_cache(maxsize=_REMEMBERED)
def accept(header: str) -> tuple[Range, ...]:
    """Read an Accept header, most wanted first; an empty one accepts anything.

    Raises:
        Malformed: a member is no media range, or its q no number from 0 to 1.

    """
    ranges: list[Range] = []
    position, stop = 0, len(header.rstrip(", \t"))
    while position < stop:
        if header[position] in ", \t":  # RFC 9110 §5.6.1.2: empty members are passed over
            position += 1
            continue
        media, end = _range(header, position)
        if media is None or (end < stop and header[end] != ","):
            raise Malformed(f"the Accept header {header!r} cannot be read at character {end + 1}")
        ranges.append(Range(media, _quality(header, media.parameters.get("q", "1"))))
        position = header.find(",", end) + 1 or len(header)
    ranges.sort(key=lambda item: (-item.q, -item.specificity))
    return tuple(ranges) or (ANY,)


def _range(header: str, start: int) -> tuple[MediaType | None, int]:
    star = _STAR.match(header, start)
    return _parse(header, start) if star is None else _parameters("*/*", header, star.end())


def _quality(header: str, text: str) -> float:
    if not text.strip(".") or not _QUALITY.fullmatch(text):
        raise Malformed(f"the Accept header {header!r} has q={text!r}, not a number from 0 to 1")
    return float(text)


def choose(ranges: Sequence[Range], offers: Sequence[str]) -> tuple[str, Range] | None:
    """Pick the offer that is wanted most, the earlier offer between equals.

    Each offer's q is that of the most specific range that matches it (RFC 9110 §12.5.1).
    """
    best: tuple[float, int, str, Range] | None = None
    for position, offer in enumerate(offers):
        matching = [item for item in ranges if item.matches(offer)]
        if not matching:
            continue
        chosen = max(matching, key=lambda item: item.specificity)
        if chosen.q > 0 and (best is None or (chosen.q, -position) > best[:2]):
            best = (chosen.q, -position, offer, chosen)
    return None if best is None else (best[2], best[3])


def quote(value: str) -> str:
    """Write a parameter's value, quoted only where it must be."""
    if re.fullmatch(_WORD, value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def render(name: str, parameters: Mapping[str, str]) -> str:
    """Write a media type with parameters."""
    return "; ".join([name, *(f"{key}={quote(value)}" for key, value in parameters.items())])
