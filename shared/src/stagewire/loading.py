"""From a model directory to a stage that may answer: every check that stands before readiness."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import TYPE_CHECKING, Any, cast

from stagewire import golden, manifest, media, requirements, script, start
from stagewire.codec import CODECS
from stagewire.errors import ArtifactError, StageError
from stagewire.script import Context
from stagewire.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stagewire.manifest import Manifest
    from stagewire.schema import DType, Schema
    from stagewire.script import Script
    from stagewire.settings import Settings

GROUP = "stagewire.stages"

_log = logging.getLogger(__name__)


def load(name: str, settings: Settings) -> Stage:
    """Load a stage, warm it up and prove its golden rows.

    Raises:
        ArtifactError: says what is wrong, where, and what to do.

    """
    model_dir = settings.model_dir
    if not model_dir.is_dir() or not any(model_dir.iterdir()):
        raise ArtifactError(
            f"{model_dir} holds no model; mount a model directory there, or unpack model.tar.gz into it"
        )
    found = manifest.read(model_dir)
    functions = choose(name, model_dir, settings.program)
    _check(name, found, functions, settings)
    _check_accept(settings.default_accept, functions)
    stage = _stage(name, found, functions, settings)
    if found and found.golden and stage.input and not functions.user:
        _prove(stage, found, settings)
    _log.info("loaded", extra={"fields": {"model": str(model_dir), "manifest": found is not None}})
    return stage


def choose(name: str, model_dir: Path, program: str | None) -> Script:
    """Take the user's program if the artifact has one, else the stage's own functions.

    Raises:
        ArtifactError: the program cannot be used, or there is no such stage.

    """
    path = script.program(model_dir, program)
    if path is not None:
        requirements.check(path.parent / "requirements.txt")
        return script.load(path)
    return script.of(importlib.import_module(module(name)))


def installed() -> dict[str, str]:
    """Map the name of every installed stage to its module."""
    # Imported here: reading what all installed distributions bring takes 20 ms, a tenth of a start.
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=GROUP)}


def module(name: str) -> str:
    """Find the module of a stage: the one that runs as `python -m NAME`, else among the installed ones.

    Raises:
        ArtifactError: no installed distribution brings it.

    """
    running = getattr(sys.modules["__main__"], "__spec__", None)
    if running is not None and running.parent == name:
        return name
    found = installed()
    if name not in found:
        raise ArtifactError(
            f"no stage {name!r} is installed; there are: {', '.join(sorted(found)) or 'none'}"
        )
    return found[name]


def _check(name: str, found: Manifest | None, functions: Script, settings: Settings) -> None:
    if found is None:
        return
    skew = settings.allow_skew
    pinned = () if found.proven and settings.plan else functions.pinned
    manifest.check(found, settings.model_dir, stage=name, pinned=pinned, skew=skew)


def _check_accept(accept: str | None, functions: Script) -> None:
    # Who writes the answers themselves may know types that nobody here does.
    if accept is None or functions.output_fn or functions.transform_fn:
        return
    if media.choose(media.accept(accept), list(CODECS)) is None:
        raise ArtifactError(
            f"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT is {accept!r}, and the answer can be one of: {', '.join(CODECS)}"
        )


def _stage(name: str, found: Manifest | None, functions: Script, settings: Settings) -> Stage:
    told = start.of(settings, found)
    try:
        model = script.call(functions.model_fn, told.model_dir, context=told)
    except ArtifactError:
        raise
    except (Exception, SystemExit) as error:
        _log.exception("model_fn failed")
        raise ArtifactError(
            f"model_fn failed on {settings.model_dir}: {type(error).__name__}: {error}"
        ) from error
    given = _schema(model, "schema", functions)
    returned = _schema(model, "output", functions)
    _agree(found, given, returned)
    return Stage(
        name,
        functions,
        model,
        input=found.input if found else given,
        output=found.output if found else returned,
        manifest=found,
        policy=settings.policy,
        hop_dtype=_hop(found.hop if found else {}) if settings.hop else None,
        default_accept=settings.default_accept,
    )


def _schema(model: Any, attribute: str, functions: Script) -> Schema | None:
    return None if functions.user else getattr(model, attribute, None)


def _hop(hop: Mapping[str, str]) -> DType:
    return cast("DType", hop.get("dtype", "float64"))


def _agree(found: Manifest | None, given: Schema | None, returned: Schema | None) -> None:
    """Compare what the manifest states with what the model itself says.

    Raises:
        ArtifactError: they differ.

    """
    if found is None:
        return
    for side, stated, own in (("input", found.input, given), ("output", found.output, returned)):
        difference = stated.mismatch(own) if own else None
        if difference:
            raise ArtifactError(
                f"the manifest's {side} schema is not the model's: {difference}; package the model again"
            )


def _prove(stage: Stage, found: Manifest, settings: Settings) -> None:
    """Run the golden rows, which also warms the stage up."""
    context = Context(str(settings.model_dir), "golden")
    try:
        golden.check(
            found.golden,
            found.input,
            lambda data: stage.predict(data, context),
            skew=settings.allow_skew,
        )
    except StageError as error:
        raise ArtifactError(f"the golden rows cannot be computed: {error.message}") from error
