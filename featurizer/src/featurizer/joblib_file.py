"""Reads a joblib file, unless another scikit-learn wrote it, whose results might differ here."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zlib
from typing import TYPE_CHECKING, Any

from stagewire.errors import ArtifactError
from stagewire.manifest import tolerate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

# Every fitted estimator writes its `_sklearn_version` into its pickled state. It is read from the
# bytes, before any of them is executed: scikit-learn itself tells only by a warning, and catching
# a warning changes the state of every thread of the process. Between key and value stand a memo
# opcode and the opcode of a text with its length, short (protocol 4 and up) or long.
_VERSION = re.compile(
    rb"_sklearn_version(?:\x94|q.|r.{4})?(?:\x8c.|X.{4})(\d+\.\d+[0-9A-Za-z.+]*)", re.DOTALL
)

# joblib compresses a whole file by one of these; what starts otherwise is the pickle itself.
_INFLATE: Mapping[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"x": zlib.decompress,
    b"BZ": bz2.decompress,
    b"\xfd7zXZ": lzma.decompress,
    b"]\x00": lzma.decompress,
}


def load(path: Path, *, skew: bool) -> Any:
    """Unpickle a fitted object.

    Raises:
        ArtifactError: the file cannot be read, or was saved by another scikit-learn major.minor
            and the deployment does not allow such skew.

    """
    import joblib
    import sklearn

    written = saved_by(path)
    if written and minor(written) != minor(sklearn.__version__):
        msg = (
            f"{path} was saved by scikit-learn {written}, this is {sklearn.__version__}: "
            f"train it again with {sklearn.__version__}, or install scikit-learn {written}"
        )
        tolerate(msg, skew=skew)
    try:
        return joblib.load(path)
    # A broken or foreign pickle raises anything at all: it runs code of the file's choice.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ArtifactError(
            f"{path} cannot be unpickled ({reason}): save it again with joblib.dump"
        ) from error


def saved_by(path: Path) -> str | None:
    """Tell the scikit-learn that wrote a joblib file, or None where the file does not say."""
    found = _VERSION.search(_inflated(path))
    return found[1].decode() if found else None


def minor(version: str) -> tuple[str, ...]:
    """Cut a version to major.minor, within which scikit-learn keeps its pickles readable."""
    return tuple(version.split(".")[:2])


def _inflated(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        for start, inflate in _INFLATE.items():
            if content.startswith(start):
                return inflate(content)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise ArtifactError(
            f"{path} cannot be read ({error}): save it again with joblib.dump"
        ) from error
    return content
