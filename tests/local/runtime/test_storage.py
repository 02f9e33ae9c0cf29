"""Where objects are, in the three forms of their URLs."""

from __future__ import annotations

import pytest

from stagewire_local.storage import ObjectError, place


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("s3://bucket/key.csv", ("bucket", "key.csv")),
        ("s3://bucket/a/b c?d#e%20", ("bucket", "a/b c?d#e%20")),
        ("https://bucket.s3.us-east-1.amazonaws.com/a/b%20c", ("bucket", "a/b c")),
        ("https://bucket.s3-us-west-2.amazonaws.com/key", ("bucket", "key")),
        ("https://s3.us-east-1.amazonaws.com/bucket/a/b", ("bucket", "a/b")),
    ],
)
def test_an_objects_place_is_read_from_its_url(location, expected):
    """A key of s3:// is taken as it stands, one of https:// is unquoted."""
    assert place(location) == expected


@pytest.mark.parametrize(
    "location", ["", "bucket/key", "s3://bucket", "s3:///key", "ftp://bucket/key", "https://s3.x/b"]
)
def test_what_names_no_object_is_refused(location):
    """The message repeats what was given."""
    with pytest.raises(ObjectError, match="names no object"):
        place(location)
