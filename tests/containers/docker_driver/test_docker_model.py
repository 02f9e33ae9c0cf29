"""What goes into a model's volume; no engine is needed to look at the tar file for it."""

from __future__ import annotations

import io
import tarfile

import pytest

from stagewire_local.archive import ArchiveError
from stagewire_local.docker_model import repacked


@pytest.fixture
def packed(tmp_path):
    """Give a function that writes an archive from tar entries."""

    def write(*entries):
        path = tmp_path / "model.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for entry in entries:
                entry.size = 1 if entry.isfile() else 0
                tar.addfile(entry, io.BytesIO(b"x"))
        return path

    return write


def entry(name, *, kind=tarfile.REGTYPE, **more):
    """Make a tar entry."""
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in more.items():
        setattr(made, key, value)
    return made


def test_entries_are_read_only_and_roots_whoever_packed_them(packed):
    """Modes, owners and times of the packer's machine do not reach the container."""
    folder = entry("./code", kind=tarfile.DIRTYPE, mode=0o777, uid=1000)
    path = packed(entry(".", kind=tarfile.DIRTYPE), folder, entry("code/x.py", mode=0o6777, uid=7))
    into = io.BytesIO()

    repacked(path, into=into)

    into.seek(0)
    with tarfile.open(fileobj=into) as tar:
        found = [(each.name, oct(each.mode), each.uid, each.mtime) for each in tar]
        assert tar.extractfile("code/x.py").read() == b"x"
    assert found == [("code", "0o555", 0, 0), ("code/x.py", "0o444", 0, 0)]


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([entry("../x")], "would leave the folder"),
        ([entry("/x")], "would leave the folder"),
        ([entry("x", kind=tarfile.SYMTYPE, linkname="/etc/passwd")], "is a link or a device"),
        ([entry("x", kind=tarfile.CHRTYPE)], "is a link or a device"),
        ([entry("x"), entry("x")], "is in it twice"),
        ([entry("x"), entry("./x")], "is in it twice"),
    ],
)
def test_what_is_not_a_plain_file_of_the_model_is_refused(packed, entries, reason):
    """The engine would follow a link, or write where it is told to."""
    path = packed(*entries)

    with pytest.raises(ArchiveError, match=reason):
        repacked(path, into=io.BytesIO())
