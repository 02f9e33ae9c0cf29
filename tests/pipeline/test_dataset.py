from __future__ import annotations

import re

import numpy as np
import pytest

from stagewire_pipeline import dataset
from stagewire_pipeline.errors import DataError

ROWS = "\n".join(f"{i},{i}" for i in range(25))
WRONG = {
    "empty": ("", {}, "is empty"),
    "header only": ("a,b\n", {}, "a header and no rows"),
    "no such label": (f"size,Rings\n{ROWS}", {"label": "ring"}, "Did you mean 'Rings'"),
    "lists columns": (f"size,Rings\n{ROWS}", {"label": "x"}, "it has: size, Rings"),
    "no such numeric": (f"a,b\n{ROWS}", {"named": ["c"]}, "no column 'c'"),
    "doubled name": (f"a,a\n{ROWS}", {}, "twice"),
    "no header": (ROWS, {}, "no header"),
    "missing label": (f"a,b\n{ROWS}\n7,\n", {}, "missing in 1 rows .*: 25"),
    "too few": ("a,b\n1,2\n", {}, "has 1 rows; at least 20"),
    "one column": ("a\n" + "\n".join("1" * 30), {}, "one column"),
    "ragged": (f"a,b\n{ROWS}\n1,2,3\n", {}, "rows.csv"),
    "not utf-8": (b"a,b\n\xff,1\n", {}, "rows.csv is not UTF-8 .byte 0xff in line 2.: save"),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), {}, "save it as UTF-8"),
    "semicolons": ("a;b\n1,5;2\n", {}, "semicolons between its columns: save it with commas"),
    "tabs": ("a\tb\n1\t2\n", {}, "tabs between its columns"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_data_is_refused_before_anything_starts(case, tmp_path):
    """Each thing that can be wrong with a file is said in words that name it."""
    content, asked, told = WRONG[case]
    path = tmp_path / "rows.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(DataError, match=told):
        dataset.read(path, **{"label": None, **asked})


def test_a_missing_file_is_named(tmp_path):
    """The path that is not there stands in the error."""
    path = tmp_path / "none.csv"

    with pytest.raises(DataError, match=re.escape(str(path))):
        dataset.read(path, label=None)


def test_cells_are_written_as_they_were(table, tmp_path):
    """Leading zeros, commas and trailing zeros survive; the label is the last column."""
    data = dataset.read(table, label=None)

    data.write(tmp_path / "some.csv", np.array([3, 7]))

    assert data.label == "target"
    assert (tmp_path / "some.csv").read_text() == (
        'code,words,size,target\n00003,"a, 3",3.50,0\n00007,"a, 7",7.50,1\n'
    )
