"""What a warm start loads in the background, so that no later request pays for an import."""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stagewire.stage import Stage

# What a codec or a careful parser imports when it is first needed: 0.1 to 0.3 s each.
LIBRARIES = ("pandas", "pyarrow")

_log = logging.getLogger(__name__)


def warm(stage: Stage) -> None:
    """Load the libraries, and whatever the model's own `warm()` loads; failures are only logged."""
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001 (the request that needs it will report it)
            _log.exception("%s cannot be loaded", name)
    own = None if stage.script.user else getattr(stage.model, "warm", None)
    if not callable(own):
        return
    try:
        own()
    except Exception:  # noqa: BLE001 (the stage serves without it, as after a lean start)
        _log.exception("the model's own warming up failed")
