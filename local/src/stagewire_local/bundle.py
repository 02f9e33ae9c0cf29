"""Reads what the command line asks to serve, and finds out which stage each archive is for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stagewire_local import archive
from stagewire_local.driver import ContainerSpec, StartError
from stagewire_local.fit import misfit
from stagewire_local.fixed import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

# botocore sagemaker-runtime: shape EndpointName
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
MOST = 15  # containers of a pipeline (inference-pipelines)


class BundleError(Exception):
    """The command line asks for something that cannot be served; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """An endpoint to create: its name and containers, run here or (fixed) somewhere else."""

    name: str
    specs: tuple[ContainerSpec, ...]
    fixed: bool

    def having(self, environment: Mapping[str, str]) -> Bundle:
        """Add to the environment of every container; what is set already wins."""
        specs = tuple(
            replace(spec, environment={**environment, **spec.environment}) for spec in self.specs
        )
        return replace(self, specs=specs)


def served(text: str, *, known: Collection[str]) -> Bundle:
    """Read "NAME=a.tar.gz,b.tar.gz" or "NAME=image=a.tar.gz,…"; `known` are installed stages.

    Raises BundleError.
    """
    name, parts = split(text, form="NAME=a.tar.gz,b.tar.gz")
    specs = [
        replace(packed(part), hostname=host)
        for part, host in zip(parts, hostnames(parts), strict=True)
    ]
    wrong = misfit([(path, stated(path)) for path in (each.model_data for each in specs) if path])
    if wrong is not None:
        raise BundleError(wrong)
    return Bundle(name=name, specs=hopping(specs, known=known), fixed=False)


def connected(text: str) -> Bundle:
    """Read "NAME=http://a:8080,http://b:8080". Raises BundleError."""
    name, parts = split(text, form="NAME=http://HOST:PORT,http://HOST:PORT")
    try:
        urls = [parse(part).url for part in parts]
    except StartError as error:
        raise BundleError(str(error)) from error
    specs = tuple(
        ContainerSpec(hostname=host, image=url)
        for url, host in zip(urls, hostnames(parts), strict=True)
    )
    return Bundle(name=name, specs=specs, fixed=True)


def split(text: str, *, form: str) -> tuple[str, list[str]]:
    """Part the endpoint's name from its containers. Raises BundleError."""
    name, equals, rest = text.partition("=")
    parts = [part.strip() for part in rest.split(",")]
    if not equals or not all(parts):
        raise BundleError(f"'{text}' is not of the form {form}")
    if not NAME.fullmatch(name):
        raise BundleError(
            f"'{name}' is not an endpoint name: letters, digits and inner hyphens, at most 63"
        )
    if len(parts) > MOST:
        raise BundleError(f"'{name}' has {len(parts)} containers; a pipeline has at most {MOST}")
    return name, parts


def hostnames(parts: Sequence[str]) -> list[str]:
    """Name containers as the platform does: by position, or `primary` when there is one."""
    if len(parts) == 1:
        return ["primary"]
    return [f"container-{place}" for place in range(1, len(parts) + 1)]


def packed(part: str) -> ContainerSpec:
    """Read one "archive" or "image=archive"; the hostname is still to be given."""
    image, equals, path = part.partition("=")
    if equals and not Path(part).exists():
        archive_path = Path(path).resolve()
        listed(archive_path)
        return ContainerSpec(hostname="", image=image, model_data=archive_path)
    archive_path = Path(part).resolve()
    return ContainerSpec(hostname="", image=stage(archive_path), model_data=archive_path)


def stage(path: Path) -> str:
    """Tell which stage an archive is for: its manifest says, else its files do.

    Raises BundleError.
    """
    files = listed(path)
    if "manifest.json" in files:
        named = manifest(path).get("stage")
        if isinstance(named, str) and named:
            return named
        raise BundleError(f"{path}: manifest.json names no stage")
    if "preprocess.joblib" in files:
        return "featurizer"
    if any(name.endswith(".ubj") for name in files):
        return "predictor"
    raise BundleError(f"{path} does not say which stage it is for; write IMAGE={path.name}")


def listed(path: Path) -> list[str]:
    """List an archive's files. Raises BundleError for a missing or bad one."""
    try:
        return archive.names(path)
    except archive.ArchiveError as error:
        raise BundleError(str(error)) from error


def stated(path: Path) -> dict[str, Any]:
    """Read the manifest of an archive whose image may be somebody else's; empty if it is none of ours."""
    try:
        return manifest(path)
    except BundleError:
        return {}


def manifest(path: Path) -> dict[str, Any]:
    """Read an archive's manifest; empty if there is none. Raises BundleError."""
    try:
        found: Any = json.loads(archive.text(path, "manifest.json") or b"{}")
    except ValueError as error:
        raise BundleError(f"{path}: manifest.json is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BundleError(f"{path}: manifest.json is not an object")
    return {str(key): value for key, value in found.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- JSON


def hopping(specs: Sequence[ContainerSpec], *, known: Collection[str]) -> tuple[ContainerSpec, ...]:
    """Let each stage but the last answer in the hop format, where the next one is ours."""
    following = [*specs[1:], None]
    return tuple(
        replace(spec, environment={**spec.environment, "STAGEWIRE_HOP": "auto"})
        if after is not None and short(after.image) in known
        else spec
        for spec, after in zip(specs, following, strict=True)
    )


def short(image: str) -> str:
    """Return the last path part of an image's name, without tag and digest."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0]
