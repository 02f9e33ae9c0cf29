"""Takes out of an image's libraries what only compilers, debuggers and the libraries' own tests read."""
# ruff: noqa: INP001, T201 -- a program, which prints what it did

from __future__ import annotations

import shutil
import struct
import sys
from pathlib import Path

UNREAD = (
    # The libraries' own tests and benchmarks.
    "**/tests",
    "**/benchmarks",
    # What C and Cython are compiled against.
    "**/*.a",
    "**/*.[hc]",
    "**/*.cpp",
    "**/*.hpp",
    "**/*.p[xy]x",
    "**/*.px[di]",
    "pyarrow/include",
    "pyarrow/src",
    # Copies by the names that only a linker asks for: a wheel holds no links. Loaded is NAME.so.2600.
    "pyarrow/libarrow_python*.so",
    "pyarrow/libarrow_python*.so.*.*",
    # Arrow's own clients of S3 and of Flight, 48 MB: a stage gets its rows by HTTP, and its model from a folder.
    "pyarrow/*s3*",
    "pyarrow/*flight*",
)

ELF64 = b"\x7fELF\x02\x01"  # 64 bits, little-endian: x86-64 and arm64
HEADER = 64


def loaded(library: Path) -> int | None:
    """Find where the last byte that is ever loaded ends; None for what is no library.

    The program headers say what is loaded. What comes after is for linkers and debuggers: symbols that
    are not exported, lines of sources, and the table of sections, which no loader opens.
    """
    with library.open("rb") as file:
        header = file.read(HEADER)
        if not header.startswith(ELF64):
            return None
        (table,) = struct.unpack_from("<Q", header, 32)
        size, count = struct.unpack_from("<HH", header, 54)
        file.seek(table)
        segments = struct.iter_unpack(f"<8xQ16xQ{size - 40}x", file.read(size * count))
        return max(table + size * count, *(offset + length for offset, length in segments))


def cut(library: Path) -> None:
    """End a library where what is loaded ends, and say in its header that it has no sections."""
    end = loaded(library)
    if end is None:
        return
    with library.open("r+b") as file:
        file.seek(40)
        file.write(bytes(8))
        file.seek(60)
        file.write(bytes(4))
        file.truncate(end)


def slim(site: Path) -> None:
    """Slim the packages in a folder."""
    for pattern in UNREAD:
        for each in list(site.glob(pattern)):
            if each.is_dir():
                shutil.rmtree(each)
            else:
                each.unlink(missing_ok=True)  # with the folder around it
    for library in site.glob("**/*.so*"):
        cut(library)


def weight(site: Path) -> int:
    """Add up the sizes of all files."""
    return sum(each.stat().st_size for each in site.glob("**/*") if each.is_file())


if __name__ == "__main__":
    for folder in map(Path, sys.argv[1:]):
        before = weight(folder)
        slim(folder)
        print(f"{folder}: {before // 1_000_000} MB are {weight(folder) // 1_000_000} MB now")
