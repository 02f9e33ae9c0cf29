"""The `context` of a stage's own `model_fn`: what the deployment decides, and the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagewire import manifest
from stagewire.script import Context

if TYPE_CHECKING:
    from pathlib import Path

    from stagewire.manifest import Manifest
    from stagewire.settings import Settings


@dataclass(slots=True)
class Start(Context):
    """The settings and the manifest that loading a model depends on, read and checked already."""

    plan: bool = True
    allow_skew: bool = False
    manifest: Manifest | None = None


def of(settings: Settings, found: Manifest | None) -> Start:
    """Say what a deployment decides about loading."""
    return Start(
        str(settings.model_dir),
        plan=settings.plan,
        allow_skew=settings.allow_skew,
        manifest=found,
    )


def read(model_dir: Path) -> Start:
    """Say what holds of a model directory that no deployment decides about.

    Raises:
        ArtifactError: its manifest cannot be read.

    """
    return Start(str(model_dir), manifest=manifest.read(model_dir))
