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

# The cheapest parser that libraries have, by size as measured: splitting for one row, JSON to some
# 600 rows, Arrow above.
SPLIT_BYTES = 80
JSON_BYTES = 24_000


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

    names = [str(i) for i in range(width + 1)]

    def arrow(body: bytes) -> tuple[NDArray[Any], Any]:
        import pyarrow as pa
        from pyarrow import csv

        types = {name: pa.float64() for name in names} | {
            "0": pa.dictionary(pa.int32(), pa.string())
        }
        table = csv.read_csv(
            pa.BufferReader(body),
            read_options=csv.ReadOptions(column_names=names, use_threads=False),
            convert_options=csv.ConvertOptions(column_types=types),
        )
        letters = table.column(0).combine_chunks()
        order = np.array([words[word.encode()] for word in letters.dictionary.to_pylist()])
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
