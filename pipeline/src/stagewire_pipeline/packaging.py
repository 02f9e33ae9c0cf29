"""Two trained models become two artifacts that are known to fit each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagewire import manifest
from stagewire.errors import ArtifactError
from stagewire_pipeline import record
from stagewire_pipeline.archive import pack
from stagewire_pipeline.errors import PackageError
from stagewire_pipeline.layout import STAGES, job
from stagewire_pipeline.record import Record
from stagewire_pipeline.training import RECORD as TRAINED

if TYPE_CHECKING:
    from pathlib import Path

    from stagewire.manifest import Manifest
    from stagewire_pipeline.child import Stages

RECORD = "package.json"
FEATURIZER, PREDICTOR = STAGES


@dataclass(frozen=True)
class Artifact:
    """One archive; `size` in bytes, `sha256` in hex."""

    path: Path
    size: int
    sha256: str
    skipped: bool = False


def package(out: Path, stages: Stages) -> tuple[Artifact, ...]:
    """Compile both models, check that they fit, and pack them; the chain's order.

    Skipped when models and code are those of the last time.

    Raises:
        PackageError: nothing is trained, or the predictor takes other columns than there are.
        ChildError: a stage cannot be compiled.

    """
    trained = record.read(out / TRAINED)
    if trained is None or not trained.holds(out):
        raise PackageError(f"{out} holds no finished training; run: stagewire train --out {out}")
    modules = ("stagewire", "stagewire_pipeline", *(stages.module(stage) for stage in STAGES))
    inputs = record.inputs(
        training=trained.inputs,
        models=dict(trained.files),
        versions=manifest.installed(),
        code=record.code(modules),
    )
    paths = [archive(out, stage) for stage in STAGES]
    done = record.fresh(out / RECORD, inputs)
    if done is None:
        compile_both(out, stages)
        for stage, path in zip(STAGES, paths, strict=True):
            pack(job(out, stage).model, path)
        Record(inputs, record.files(out, paths)).write(out / RECORD)
    return tuple(
        Artifact(path, path.stat().st_size, manifest.digest(path), skipped=done is not None)
        for path in paths
    )


def archive(out: Path, stage: str) -> Path:
    """Name a stage's archive."""
    return out / f"{stage}.tar.gz"


def compile_both(out: Path, stages: Stages) -> None:
    """Compile the predictor, then the featurizer for what the predictor takes.

    Raises:
        PackageError: the two do not fit.
        ChildError: a stage cannot be compiled.

    """
    stages.run(PREDICTOR, "compile", job(out, PREDICTOR).base)
    predictor = read(out, PREDICTOR)
    hop = hop_dtype(predictor)
    stages.run(FEATURIZER, "compile", job(out, FEATURIZER).base, options=("--hop-dtype", hop))
    featurizer = read(out, FEATURIZER)
    wrong = featurizer.output.mismatch(predictor.input)
    if wrong:
        raise PackageError(
            f"the featurizer's output is not the predictor's input: {wrong} "
            "(featurizer against predictor); train both again: stagewire train --force"
        )


def hop_dtype(predictor: Manifest) -> str:
    """Return what numbers cross the hop: float32 iff the predictor takes nothing wider."""
    narrow = all(field.dtype == "float32" for field in predictor.input.fields)
    return "float32" if narrow else "float64"


def read(out: Path, stage: str) -> Manifest:
    """Read a compiled stage's manifest.

    Raises:
        PackageError: there is none, or it cannot be read.

    """
    folder = job(out, stage).model
    try:
        found = manifest.read(folder)
    except ArtifactError as error:
        raise PackageError(str(error)) from None
    if found is None:
        raise PackageError(f"{folder} has no {manifest.NAME}; run: stagewire package --out {out}")
    return found
