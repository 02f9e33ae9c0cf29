"""As much of a caller's value as an error can show, however large or deep it is."""

from __future__ import annotations

import json

from stagewire.limits import VALUE_CHARACTERS

_JSON = json.JSONEncoder(ensure_ascii=False, default=repr)


def shorten(value: object, most: int = VALUE_CHARACTERS) -> str:
    """Write a value for an error message: text as it is, all else as JSON has it."""
    text = value if isinstance(value, str) else _written(value, most)
    return text if len(text) <= most else text[: most - 1] + "…"


def _written(value: object, most: int) -> str:
    # Piece by piece, and no more than is shown: it may be as large as a body, or a thousand lists deep.
    text = ""
    for piece in _JSON.iterencode(value):
        text += piece
        if len(text) > most:
            break
    return text
