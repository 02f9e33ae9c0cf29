"""What a model archive may hold, and that nothing else is ever written."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewire_local.archive import ArchiveError, names, remove, text, unpack


def tar(*entries):
    """Write an archive from (TarInfo, content) pairs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as out:
        for info, content in entries:
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def tried(path):
    """List an archive's files, or return the error's message."""
    try:
        return names(path)
    except ArchiveError as error:
        return str(error)


def entry(name, kind=tarfile.REGTYPE, link=""):
    """Describe one entry."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    return info


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (entry("../up"), "leave the folder"),
        (entry("a/../../up"), "leave the folder"),
        (entry("/etc/absolute"), "leave the folder"),
        (entry("a\\b"), "leave the folder"),
        (entry("soft", tarfile.SYMTYPE, "/etc/passwd"), "link or a device"),
        (entry("hard", tarfile.LNKTYPE, "good"), "link or a device"),
        (entry("device", tarfile.CHRTYPE), "link or a device"),
        (entry("fifo", tarfile.FIFOTYPE), "link or a device"),
        (entry("good"), "File exists"),
    ],
)
def test_entries_that_escape_or_are_no_files_are_refused(tmp_path, info, words):
    """The error names the archive and the entry."""
    path = tmp_path / "m.tar.gz"
    path.write_bytes(tar((entry("good"), b"1"), (info, b"")))

    with pytest.raises(ArchiveError, match=words) as caught:
        unpack(path, tmp_path / "in" / "model")

    assert str(path) in str(caught.value)
    assert [each.name for each in (tmp_path / "in").rglob("*")] == ["model", "good"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in", "m.tar.gz"]


def test_a_bomb_stops_at_the_limit(tmp_path):
    """A few KB that unpack to MBs are refused before they are written."""
    path = tmp_path / "m.tar.gz"
    path.write_bytes(tar((entry("zeros"), bytes(10_000_000))))

    with pytest.raises(ArchiveError, match="unpacks to more than 1000000 bytes"):
        unpack(path, tmp_path / "model", max_bytes=1_000_000)

    assert (tmp_path / "model" / "zeros").stat().st_size <= 1_000_000


def test_a_bomb_in_a_header_is_not_read_into_memory(tmp_path):
    """A name or PAX record of 100 MB is no name."""
    path = tmp_path / "m.tar.gz"
    path.write_bytes(tar((entry("long", tarfile.GNUTYPE_LONGNAME), bytes(100_000_000))))

    with pytest.raises(ArchiveError, match="header of"):
        names(path)


def test_too_many_entries_are_refused(tmp_path):
    """A disk has only so many names."""
    path = tmp_path / "m.tar.gz"
    path.write_bytes(tar(*((entry(str(number)), b"") for number in range(10_001))))

    with pytest.raises(ArchiveError, match="more than 10000 entries"):
        names(path)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_archive_or_an_error_that_names_it(tmp_path_factory, data):
    """No other exception comes out, whatever is in the file, packed or not."""
    folder = tmp_path_factory.mktemp("any")
    for name, content in (("raw", data), ("packed", gzip.compress(data))):
        path = folder / name
        path.write_bytes(content)

        found = tried(path)

        assert found == [] or str(path) in found


@given(st.data())
def test_a_damaged_archive_is_read_or_refused(tmp_path_factory, data):
    """One changed byte of a good archive raises nothing but ArchiveError."""
    good = bytearray(tar((entry("manifest.json"), b"{}" * 50), (entry("a/b.npz"), b"123")))
    good[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("damaged") / "m.tar.gz"
    path.write_bytes(good)

    found = tried(path)

    assert isinstance(found, list) or str(path) in found


def test_a_truncated_archive_is_refused(tmp_path):
    """Half a download is no model."""
    path = tmp_path / "m.tar.gz"
    path.write_bytes(tar((entry("a"), bytes(range(256)) * 100))[:-20])

    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        unpack(path, tmp_path / "model")


def test_a_good_archive_is_unpacked_byte_for_byte(tmp_path):
    """Folders, a leading ./ and nested files are all fine."""
    path = tmp_path / "m.tar.gz"
    path.write_bytes(tar((entry("./code", tarfile.DIRTYPE), b""), (entry("./code/i.py"), b"x=1")))

    unpack(path, tmp_path / "model")

    assert (tmp_path / "model" / "code" / "i.py").read_bytes() == b"x=1"
    assert names(path) == ["code/i.py"]
    assert text(path, "code/i.py") == b"x=1"
    assert text(path, "other") is None
    remove(tmp_path / "model")
    assert not (tmp_path / "model").exists()
