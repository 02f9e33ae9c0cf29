"""Rows to features with the plan's own constants, each number of rows by its cheapest parser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# Up to here splitting lines is cheaper than the replacements that make them JSON, and that up to
# here cheaper than Arrow's fixed cost (measured in the table of parsers, README's benchmark).
SPLIT_BYTES = 200
JSON_BYTES = 16_000


def load(model_dir: str) -> Callable[[bytes], bytes]:
    """Return what turns CSV into raw float32 features."""
    structure = json.loads(Path(model_dir, "plan.json").read_bytes())
    numbers = np.load(Path(model_dir, "plan.npz"), allow_pickle=False)
    _fill, mean, scale = numbers["chain0"]
    width = len(mean)
    words = {word.encode(): code for code, word in enumerate(structure["tables"][0]["words"])}
    cells = numbers["table0"].astype(np.float32)

    def split(body: bytes) -> tuple[NDArray[Any], Any]:
        found = [line.split(b",") for line in body.splitlines()]
        codes = [words[line[0]] for line in found]
        return np.array([line[1:] for line in found], dtype=np.float64), codes

    def as_json(body: bytes) -> tuple[NDArray[Any], Any]:
        text = body.replace(b"\n", b",")
        for word, code in words.items():
            text = text.replace(word, b"%d" % code)
        table = np.array(orjson.loads(b"[%b]" % text)).reshape(-1, width + 1)
        return table[:, 1:], table[:, 0].astype(np.intp)

    def arrow(body: bytes) -> tuple[NDArray[Any], Any]:
        import pyarrow as pa
        from pyarrow import csv

        reading = csv.ReadOptions(
            column_names=[str(i) for i in range(width + 1)], use_threads=False
        )
        table = csv.read_csv(pa.BufferReader(body), read_options=reading)
        letters = table.column(0).combine_chunks().dictionary_encode()
        order = np.array([words[str(word).encode()] for word in letters.dictionary])
        columns = [table.column(i + 1).to_numpy() for i in range(width)]
        return np.stack(columns, axis=1), order[letters.indices.to_numpy()]

    def features(body: bytes) -> bytes:
        parse = split if len(body) <= SPLIT_BYTES else as_json if len(body) <= JSON_BYTES else arrow
        X, codes = parse(body)
        found = np.empty((len(X), width + cells.shape[1]), np.float32)
        found[:, :width] = (X - mean) / scale
        found[:, width:] = cells[codes]
        return found.tobytes()

    return features
