"""Checks before anything is created, so that nothing has to be deleted again."""

from __future__ import annotations

import itertools
import posixpath
import re
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stagewire import manifest
from stagewire.errors import ArtifactError
from stagewire_pipeline.deployment import NAME_LETTERS
from stagewire_pipeline.errors import DeployError
from stagewire_pipeline.layout import STAGES
from stagewire_pipeline.packaging import archive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagewire.manifest import Manifest

# botocore's service model: EndpointName, and the shapes of ContainerDefinition and CreateModel.
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@/-]+")
INSTANCE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9]+")
# S3's own rule for the names of general purpose buckets, dots left out: they break TLS.
BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class Archive:
    """A stage's artifact as it lies on disk; `sha256` in hex."""

    stage: str
    path: Path
    sha256: str

    def key(self, name: str) -> str:
        """Name its S3 object: an endpoint's own, and another one when the content is another."""
        return f"stagewire/{name}/{self.sha256}/{self.path.name}"


def archives(out: Path) -> tuple[Archive, ...]:
    """Find the chain's artifacts, and prove that they fit each other.

    Raises:
        DeployError: one is absent, unreadable, of another stage, or takes other columns.

    """
    paths = [archive(out, stage) for stage in STAGES]
    for path in paths:
        if not path.is_file():
            raise DeployError(f"there is no {path}; run: stagewire package --out {out}")
    told = [declared(path) for path in paths]
    for stage, path, found in zip(STAGES, paths, told, strict=True):
        if found.stage != stage:
            raise DeployError(f"{path} is an artifact of the stage {found.stage!r}, not {stage!r}")
    for first, second in itertools.pairwise(told):
        wrong = first.output.mismatch(second.input)
        if wrong:
            raise DeployError(
                f"the output of {first.stage} is not the input of {second.stage}: {wrong}; "
                f"package both again: stagewire package --out {out}"
            )
    pairs = zip(STAGES, paths, strict=True)
    return tuple(Archive(stage, path, manifest.digest(path)) for stage, path in pairs)


def declared(path: Path) -> Manifest:
    """Read the manifest inside an archive, and nothing else of it.

    Raises:
        DeployError: the archive or its manifest cannot be read.

    """
    try:
        with tarfile.open(path) as tar, tempfile.TemporaryDirectory() as folder:
            file = tar.extractfile(_member(tar))
            (Path(folder) / manifest.NAME).write_bytes(file.read() if file else b"")
            found = manifest.read(Path(folder))
    except KeyError:
        raise DeployError(f"{path} holds no {manifest.NAME}; run: stagewire package") from None
    except (ArtifactError, tarfile.TarError, OSError, EOFError) as error:
        raise DeployError(f"{path} cannot be read as an artifact: {error}") from None
    if found is None:
        raise DeployError(f"{path} holds no {manifest.NAME}; run: stagewire package")
    return found


def _member(tar: tarfile.TarFile) -> tarfile.TarInfo:
    """Find the manifest; `tar -C model .` calls it `./manifest.json`. Raises KeyError."""
    # Of two with one name the last one is what unpacking leaves.
    for each in reversed(tar.getmembers()):
        if posixpath.normpath(each.name) == manifest.NAME:
            return each
    raise KeyError(manifest.NAME)


def name(text: str) -> None:
    """Refuse what cannot be an endpoint's name.

    Raises:
        DeployError: it is no legal name.

    """
    if not NAME.fullmatch(text) or len(text) > NAME_LETTERS:
        raise DeployError(
            f"{text!r} cannot name an endpoint: letters, digits and inner hyphens, "
            f"at most {NAME_LETTERS}"
        )


def role(text: str) -> None:
    """Refuse what does not look like a role's ARN.

    Raises:
        DeployError: it does not.

    """
    if not ROLE.fullmatch(text):
        raise DeployError(
            f"{text!r} is not the ARN of an IAM role, such as arn:aws:iam::123456789012:role/SageMaker"
        )


def instance_type(text: str) -> None:
    """Refuse what is no type of an ML instance.

    Raises:
        DeployError: it is not.

    """
    if not INSTANCE.fullmatch(text):
        raise DeployError(f"{text!r} is not an instance type of SageMaker, such as ml.m5.large")


def bucket(text: str) -> None:
    """Refuse what cannot be a bucket's name.

    Raises:
        DeployError: it is no legal name.

    """
    if not BUCKET.fullmatch(text):
        raise DeployError(f"{text!r} cannot name a bucket: 3 to 63 of a-z, 0-9 and inner hyphens")


def images(given: Mapping[str, str]) -> None:
    """Refuse images of stages that the chain does not have.

    Raises:
        DeployError: there are such images.

    """
    strange = [stage for stage in given if stage not in STAGES]
    if strange:
        raise DeployError(f"there is no stage {strange[0]!r}; there are: {', '.join(STAGES)}")
