from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewire import media
from stagewire.errors import Malformed, UnsupportedMedia

OFFERS = (media.CSV, media.JSON, media.NPY)


@pytest.mark.parametrize(
    "header",
    [
        "text/csv; charset=utf-8",
        "TEXT/CSV;Charset=utf-8",
        'text/csv ; charset="utf-8"',
        "text/csv;charset=utf-8;",
        "text/csv;;charset=utf-8",
    ],
)
def test_content_types_are_compared_by_media_type(header):
    """Case, blanks, quotes and empty parameters make no other media type."""
    found = media.parse(header)

    assert (found.name, found.charset) == ("text/csv", "utf-8")


def test_quoted_parameters_keep_what_stands_in_quotes():
    """A semicolon, a comma and an escaped quote inside quotes belong to the value."""
    found = media.parse(r'text/csv; a="x;y,\"z"; header=present')

    assert found.parameters == {"a": 'x;y,"z', "header": "present"}


@pytest.mark.parametrize(
    ("rest", "id_"),
    [
        ("sw-id=abc; sw-origin=csv", "abc"),
        ("sw-origin=csv; sw-id=abc", "abc"),
        ("sw-id=_", "_"),
        ('sw-id="a b"', "a b"),
        ("SW-ID=abc; sw-id=abd", "abc"),
        ("sw-id=abc; sw-id=abd", "abc"),
        ('sw-origin="; sw-id=abc; "', None),
        ("sw-origin=csv", None),
    ],
)
def test_a_hops_id_is_read_wherever_it_stands(rest, id_):
    """The id is set apart, since it alone is new in each header; what only looks like one is none."""
    found = media.parse(f"application/x-npy; {rest}")

    assert found.parameters.get("sw-id") == id_


@pytest.mark.parametrize(
    "header",
    [
        "",
        "csv",
        "text/",
        "/csv",
        "text csv",
        "text/csv, text/plain",
        "text/csv; =",
        "csv; sw-id=abc",
    ],
)
def test_what_is_no_media_type_is_415(header):
    """A Content-Type that cannot be read is unsupported, and named."""
    with pytest.raises(UnsupportedMedia, match=re.escape(repr(header))):
        media.parse(header)


@given(
    st.dictionaries(
        st.text("abcdef", min_size=1), st.text(st.characters(max_codepoint=126, min_codepoint=32))
    )
)
def test_rendered_parameters_are_read_back(parameters):
    """Whatever a parameter's value is, quoting carries it."""
    assert media.parse(media.render("text/csv", parameters)).parameters == parameters


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("*/*", media.CSV),
        ("", media.CSV),
        ("application/json", media.JSON),
        ("application/*", media.JSON),
        ("text/csv;q=0.5, application/json", media.JSON),
        ("text/csv;q=0.5, */*;q=0.4", media.CSV),
        ("*/*, text/csv;q=0.1", media.JSON),
        ("*/*, text/csv;q=0", media.JSON),
        ("text/*;q=0.3, application/x-npy;q=0.3", media.CSV),
        ("Application/JSON; Q=1.000", media.JSON),
        ('application/json; q="0.2", application/x-npy;q=0.3', media.NPY),
        ('application/json;profile="a,b;q=0"', media.JSON),
        (", application/json,,", media.JSON),
        ("image/png", None),
        ("text/csv;q=0", None),
        ("image/png, application/x-npy;q=0.001", media.NPY),
        ("*", media.CSV),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", media.CSV),
        ("text/csv;q=.2, application/json;q=0.25", media.JSON),
        ("text/csv;q=0.33333, application/json;q=.3", media.CSV),
        ("* , text/csv;q=0", media.JSON),
    ],
)
def test_accept_is_negotiated(header, chosen):
    """The highest q wins, a specific range speaks for its type, the caller's own form breaks ties."""
    found = media.choose(media.accept(header), OFFERS)

    assert (found and found[0]) == chosen


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("text/csv;q=0.1, */*", ["*/*", "text/csv"]),
        ("*/*, application/*, text/csv", ["text/csv", "application/*", "*/*"]),
        ("image/png, text/csv", ["image/png", "text/csv"]),
        ("text/csv;q=0, application/json;q=0.9", ["application/json", "text/csv"]),
    ],
)
def test_what_is_wanted_most_comes_first(header, names):
    """By q, then the more specific range; the first one tells whether a caller left the form open."""
    assert [each.media.name for each in media.accept(header)] == names


@pytest.mark.parametrize(
    "header",
    [
        "json",
        "text/csv;q=2",
        "text/csv;q=-1",
        "text/csv;q=x",
        "text/csv json",
        "*json",
        "text/csv;q=.",
        "text/csv;q=",
    ],
)
def test_what_is_no_accept_header_is_400(header):
    """An Accept that cannot be read is the caller's mistake."""
    with pytest.raises(Malformed, match="Accept"):
        media.accept(header)


@given(st.text(max_size=40))
def test_any_accept_header_is_read_or_refused(header):
    """No header makes the reader hang or fail otherwise."""
    try:
        found = media.accept(header)
    except Malformed:
        return

    assert all(0 <= item.q <= 1 for item in found)
