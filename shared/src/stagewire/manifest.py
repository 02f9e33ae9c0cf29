"""The manifest of an artifact: what the files are, what they were made with, and proof that they still agree."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from stagewire.errors import ArtifactError
from stagewire.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FORMAT = 1
NAME = "manifest.json"
# Whose versions are recorded: every library that had a part in a prediction.
RECORDED = (
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "joblib",
    "xgboost-cpu",
    "xgboost",
    "stagewire",
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manifest:
    """What `manifest.json` says; `files` are SHA-256 hex digests by path relative to the model directory.

    `plan` is what the stage's `compile_fn` returned: whether its plan is `proven`, and the proof, or why not.
    """

    stage: str
    input: Schema
    output: Schema
    versions: Mapping[str, str]
    files: Mapping[str, str]
    hop: Mapping[str, str] = field(default_factory=dict)
    golden: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)

    @property
    def proven(self) -> bool:
        """Whether a plan serves, so that no library need be the one that wrote the model."""
        return self.plan.get("proven") is True

    def as_json(self) -> dict[str, Any]:
        """Return the file's form."""
        return {
            "format": FORMAT,
            "stage": self.stage,
            "input": self.input.as_json(),
            "output": self.output.as_json(),
            "versions": dict(self.versions),
            "files": dict(self.files),
            "hop": dict(self.hop),
            "golden": dict(self.golden),
            "plan": dict(self.plan),
        }


def read(model_dir: Path) -> Manifest | None:
    """Read a model directory's manifest, None when it has none.

    Raises:
        ArtifactError: it is not JSON, lacks a part, or is of a format this version does not know.

    """
    path = model_dir / NAME
    if not path.is_file():
        return None
    try:
        data = orjson.loads(path.read_bytes())
        if data["format"] != FORMAT:
            raise ArtifactError(
                f"{path} has format {data['format']!r}; this version of stagewire reads format {FORMAT}"
            )
        return Manifest(
            stage=data["stage"],
            input=Schema.from_json(data["input"]),
            output=Schema.from_json(data["output"]),
            versions=_map(data["versions"]),
            files=_map(data["files"]),
            hop=_map(data["hop"]),
            golden=_map(data["golden"]),
            plan=_map(data.get("plan", {})),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, OSError) as error:
        raise ArtifactError(
            f"{path} cannot be read as a manifest ({error!r}); package the model again"
        ) from error


def _map(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise TypeError(f"{found!r:.80} is no object")
    return found


def write(model_dir: Path, manifest: Manifest) -> None:
    """Write the manifest into a model directory."""
    data = orjson.dumps(manifest.as_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    (model_dir / NAME).write_bytes(data + b"\n")


def digests(model_dir: Path) -> dict[str, str]:
    """Hash every file of a model directory but the manifest itself."""
    return {
        str(path.relative_to(model_dir)): digest(path)
        for path in sorted(model_dir.rglob("*"))
        if path.is_file() and path != model_dir / NAME and "__pycache__" not in path.parts
    }


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def installed() -> dict[str, str]:
    """Return the versions of the recorded libraries that are installed here."""
    return {name: found for name in RECORDED if (found := _version(name)) is not None}


def _version(name: str) -> str | None:
    # Ten milliseconds of imports, which a start by a plan, with nothing pinned, is spared.
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check(
    manifest: Manifest, model_dir: Path, *, stage: str, pinned: Iterable[str], skew: bool
) -> None:
    """Compare an artifact with its manifest and with this machine.

    `pinned` are the libraries whose major.minor must be the one that wrote the files.

    Raises:
        ArtifactError: another stage's artifact, a file absent or changed, or versions too far apart.

    """
    if manifest.stage != stage:
        raise ArtifactError(
            f"{model_dir} holds an artifact of the stage {manifest.stage!r}, but this stage is {stage!r}"
        )
    for name, wanted in manifest.files.items():
        path = model_dir / name
        if not path.is_file():
            raise ArtifactError(
                f"{path} is absent, though the manifest lists it; package the model again"
            )
        if digest(path) != wanted:
            raise ArtifactError(
                f"{path} is not the file that was packaged: its SHA-256 differs; package the model again"
            )
    for name in pinned:
        _check_version(name, manifest.versions.get(name), _version(name), skew=skew)


def _check_version(name: str, written: str | None, here: str | None, *, skew: bool) -> None:
    if written is None or _minor(written) == _minor(here or ""):
        return
    msg = f"the model was written by {name} {written}, and this is {name} {here}; train again, or serve it with {name} {_minor(written)}"
    tolerate(msg, skew=skew)


def tolerate(msg: str, *, skew: bool) -> None:
    """Refuse what differs between then and now, or warn where the deployment allows it.

    Raises:
        ArtifactError: `skew` is not allowed.

    """
    if not skew:
        raise ArtifactError(f"{msg} (STAGEWIRE_ALLOW_SKEW=1 serves it anyway)")
    _log.warning("served despite skew: %s", msg)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
