from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from stagewire.errors import RowError
from stagewire.table import Column, Role, Table, from_frame, from_matrix, objects


def test_a_matrix_becomes_columns_without_a_copy():
    """Columns are views of the array, and the array comes back as it went in."""
    matrix = np.arange(6.0).reshape(3, 2)

    table = from_matrix(("a", "b"), matrix)

    assert np.shares_memory(table["b"], matrix)
    assert table.matrix() is matrix or np.shares_memory(table.matrix(), matrix)
    assert table.matrix(np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="does not hold"):
        from_matrix(("a",), matrix)


def test_a_frame_goes_both_ways():
    """Numbers keep their types; missing text is None here and NaN there, as scikit-learn wants it."""
    frame = pd.DataFrame({"n": [1, 2], "x": [0.5, np.nan], "t": ["a", None], "b": [True, False]})

    table = from_frame(frame)

    assert [c.numpy().dtype.kind for c in table.columns] == ["i", "f", "O", "b"]
    assert table["t"].tolist() == ["a", None]
    assert table.frame()["t"].isna().tolist() == [False, True]
    assert table.frame()["n"].tolist() == [1, 2]


def test_good_rows_are_those_without_error():
    """A stage computes with the features of rows that hold; the carried ones wait."""
    table = Table(
        (
            Column("x", np.array([1.0, 2.0, 3.0])),
            Column("id", pa.chunked_array([[7, 8, 9]]), Role.CARRIED),
        ),
        3,
        errors=(RowError(1, "x", "y", "is bad"), RowError(1, None, None, "again")),
    )

    good = table.good()

    assert (good.names, good.rows, good["x"].tolist()) == (("x",), 2, [1.0, 3.0])
    assert table.valid.tolist() == [True, False, True]
    assert table.take(table.valid)["id"].tolist() == [7, 9]


def test_a_name_that_two_roles_have_is_the_features():
    """A raw column that is carried may be called as a feature is."""
    columns = (
        Column("x", objects(["1"]), Role.INPUT),
        Column("x", np.array([1.0])),
        Column("z", np.array([2]), Role.CARRIED),
    )

    table = Table(columns, 1)

    assert table["x"].tolist() == [1.0]
    assert table.frame().to_dict("list") == {"x": [1.0], "z": [2]}
    with pytest.raises(KeyError, match="no column 'y'"):
        table["y"]


def test_text_has_no_place_in_a_matrix():
    """The column is named, in place of NumPy's own message."""
    with pytest.raises(TypeError, match="'x' is text"):
        Table((Column("x", objects(["a"])),), 1).matrix()
