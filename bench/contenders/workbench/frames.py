"""CSV to DataFrame and back, the way a Workbench model script has it, but without a header."""

from __future__ import annotations

from io import StringIO

import pandas as pd


def input_fn(body: bytes, content_type: str) -> pd.DataFrame:
    """Read a request's CSV."""
    if "text/csv" not in content_type:
        msg = f"{content_type} is not supported"
        raise ValueError(msg)
    return pd.read_csv(StringIO(body.decode("utf-8")), header=None)


def output_fn(frame: pd.DataFrame, _accept: str | None) -> tuple[str, str]:
    """Write an answer's CSV."""
    return frame.to_csv(index=False, header=False), "text/csv"
