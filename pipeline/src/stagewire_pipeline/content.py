"""The content type of a file, by its suffix."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from stagewire import media
from stagewire_pipeline.errors import DataError


def of(name: str) -> str:
    """Return the content type of a file.

    Raises:
        DataError: the suffix is not known.

    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(
            f"no content type is known for {name!r}; name it with --content-type, "
            f"or use one of the suffixes {', '.join(SUFFIXES)}"
        )
    return SUFFIXES[suffix]


SUFFIXES: Final = {
    ".csv": media.CSV,
    ".json": media.JSON,
    ".jsonl": media.JSONLINES,
    ".npy": media.NPY,
    ".arrow": media.ARROW,
    ".arrows": media.ARROW,
}
