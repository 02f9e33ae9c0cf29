"""What is taken out of an image's libraries, and that what is left works; no container is needed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / ".ci" / "slim.py"


@pytest.fixture
def slim(tmp_path):
    """Slim the packages of a folder of the test's own."""
    return lambda: subprocess.run([sys.executable, PROGRAM, tmp_path], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="an image's libraries are Linux's")
def test_a_slim_library_works_and_is_smaller(slim, tmp_path):
    """The package uvloop ships with all that a debugger could ask for; without it, it is the same loop."""
    package = Path(find_spec("uvloop").origin).parent
    shutil.copytree(package, tmp_path / "uvloop")
    library = next((tmp_path / "uvloop").glob("loop.*.so"))
    before = library.stat().st_size

    slim()

    code = "import uvloop, asyncio; print(uvloop.__file__, uvloop.run(asyncio.sleep(0, 7)))"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert ran.stdout.split() == [str(tmp_path / "uvloop" / "__init__.py"), "7"]
    assert library.stat().st_size < before / 2


@pytest.mark.parametrize(
    "name",
    [
        "package/tests/test_it.py",
        "package/tests/more/tests/api.h",
        "package/include/api.h",
        "package/lib/libit.a",
        "package/it.pyx",
        "package/it.pxd",
        "pyarrow/libarrow_python.so",
        "pyarrow/libarrow_python.so.2600.1.0",
        "pyarrow/libarrow_flight.so.2600",
        "pyarrow/_s3fs.cpython-313-x86_64-linux-gnu.so",
    ],
)
def test_what_no_stage_reads_goes(slim, tmp_path, name):
    """Tests, what a compiler reads, a linker's names, and Arrow's clients of other services."""
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.touch()

    slim()

    assert not path.exists()


@pytest.mark.parametrize(
    "name",
    [
        "package/it.py",
        "package/it.pyi",
        "package/testing/assertions.py",
        "package-1.0.dist-info/licenses/LICENSE",
        "pyarrow/libarrow_python.so.2600",
        "pyarrow/libarrow.so.2600",
        "pyarrow/fs.py",
        "package/not-a-library.so",
    ],
)
@pytest.mark.parametrize("content", [b"", b"# text", b"\x7fELF\x01\x01 of 32 bits" + bytes(99)])
def test_the_rest_stays_as_it_is(slim, tmp_path, name, content):
    """Sources, types, licences, what is loaded by its name, and what only looks like a library."""
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    slim()

    assert path.read_bytes() == content
