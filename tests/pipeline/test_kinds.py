from __future__ import annotations

import pytest

from stagewire.channel import Channel
from stagewire_pipeline.errors import DataError
from stagewire_pipeline.kinds import MANY_WORDS, check_label, kinds

SIZES = ("1", "2.5", "", "1e3")
ALMOST = ("1", "N/A", "3", "4")
WORDS = ("a", "b", "7", "c")


def channel(**columns):
    """Rows as they were read."""
    return Channel("rows.csv", tuple(columns), tuple(columns.values()))


def test_kinds_are_inferred_over_all_rows():
    """A column is of numbers iff every cell is; where a few are not, a note names the first."""
    rows = channel(size=SIZES, slip=ALMOST, kind=WORDS, y=SIZES)

    found = kinds(rows, label="y", numeric=(), categorical=())

    assert (found.numeric, found.categorical) == (("size",), ("slip", "kind"))
    (note,) = found.notes
    assert note.startswith("'slip' is taken as words, since it is not a number in 1 of 4 rows")
    assert note.endswith(": 1; the first holds 'N/A'")


def test_words_that_only_tell_rows_apart_are_noted():
    """An id of text would be a feature a row; it is learned from all the same, as nobody knows better."""
    names = tuple(f"row {i}" for i in range(MANY_WORDS + 1))
    rows = channel(name=names, kind=("a", "b", "c") * (len(names) // 3), y=("1",) * len(names))

    found = kinds(rows, label="y", numeric=(), categorical=())

    assert found.categorical == ("name", "kind")
    (note,) = found.notes
    assert note.startswith(f"'name' has {len(names)} different words, and each will be a feature")
    assert note.endswith("by --numeric and --categorical")


def test_one_list_leaves_the_rest_to_be_inferred():
    """What is stated stands, in the file's order; two lists leave nothing to infer."""
    rows = channel(size=SIZES, kind=WORDS, y=SIZES)

    one = kinds(rows, label="y", numeric=(), categorical=("size",))
    both = kinds(rows, label="y", numeric=("size",), categorical=("kind",))

    assert (one.numeric, one.categorical, one.notes) == ((), ("size", "kind"), ())
    assert (both.numeric, both.categorical) == (("size",), ("kind",))


@pytest.mark.parametrize(
    ("columns", "numeric", "told"),
    [
        (
            {"slip": ALMOST},
            ("slip",),
            "the column 'slip' is not a number in 1 of 4 rows .*: 1; .*'N/A'",
        ),
        ({"none": ("", "", "", "")}, (), "the column 'none' is empty in every row; take it out"),
    ],
)
def test_columns_that_cannot_be_learned_from(columns, numeric, told):
    """Each is named, with the file's own rows."""
    rows = channel(**columns, y=SIZES)

    with pytest.raises(DataError, match=f"rows.csv: {told}"):
        kinds(rows, label="y", numeric=numeric, categorical=())


@pytest.mark.parametrize(
    ("label", "stated", "told"),
    [
        (ALMOST, False, "'y' is not a number in 1 of 4 rows .*'N/A'; .*--task classification"),
        (WORDS, True, "'y' is not a number in 3 of 4 rows .*: 0, 1, 3; the first holds 'a'$"),
    ],
)
def test_a_label_that_is_not_all_numbers(label, stated, told):
    """A slip makes no class of each number; where regression is asked for, no word is a number."""
    with pytest.raises(DataError, match=told):
        check_label(channel(x=SIZES, y=label), "y", stated=stated)


def test_a_label_of_words_is_classes():
    """Where most cells are words, a number among them is one more class."""
    check_label(channel(x=SIZES, y=WORDS), "y", stated=False)


@pytest.mark.parametrize("numeric", [(), ("size",)])
def test_nan_is_missing_among_numbers_and_an_infinity_is_refused(numeric):
    """The featurizer learns from them so; one such cell does not make a category of each number."""
    rows = channel(size=("1", "nan", "", "3"), kind=WORDS, y=SIZES)
    endless = channel(size=("1", "-inf", "", "3"), kind=WORDS, y=SIZES)

    found = kinds(rows, label="y", numeric=numeric, categorical=())

    assert (found.numeric, found.categorical, found.notes) == (("size",), ("kind",), ())
    with pytest.raises(DataError, match=r"'size' .* in 1 of 4 rows .*: 1; the first holds '-inf'"):
        kinds(endless, label="y", numeric=numeric, categorical=())


def test_a_column_of_nan_is_empty():
    """There is nothing in it to learn from, however that is written."""
    rows = channel(none=("nan", "", "NaN", " "), kind=WORDS, y=SIZES)

    with pytest.raises(DataError, match="'none' is empty in every row"):
        kinds(rows, label="y", numeric=(), categorical=())
