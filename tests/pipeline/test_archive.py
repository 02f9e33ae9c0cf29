from __future__ import annotations

import os
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewire_pipeline.archive import pack
from stagewire_pipeline.errors import PackageError

NAMES = st.text("abcdé", min_size=1, max_size=8)


@given(files=st.dictionaries(NAMES, st.binary(max_size=300), min_size=1))
def test_bytes_depend_on_names_and_contents_alone(files, tmp_path_factory):
    """Two folders made in other orders and at other times pack to equal bytes."""
    made = []
    for order in (list(files), list(reversed(files))):
        folder = tmp_path_factory.mktemp("model")
        for age, name in enumerate(order):
            (folder / name).write_bytes(files[name])
            os.utime(folder / name, (age, age))
        made.append(folder.with_suffix(".tar.gz"))
        pack(folder, made[-1])

    assert made[0].read_bytes() == made[1].read_bytes()
    with tarfile.open(made[0]) as tar:
        assert {m.name: tar.extractfile(m).read() for m in tar} == files


def test_a_link_or_an_empty_folder_is_refused(tmp_path):
    """What the platform would not unpack is not packed, and no half archive stays."""
    (tmp_path / "model").mkdir()
    target = tmp_path / "model.tar.gz"

    with pytest.raises(PackageError, match="holds no files"):
        pack(tmp_path / "model", target)
    (tmp_path / "model/link").symlink_to("/etc/hostname")
    with pytest.raises(PackageError, match="is a link"):
        pack(tmp_path / "model", target)
    assert not target.exists()
