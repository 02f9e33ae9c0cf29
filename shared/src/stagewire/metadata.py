"""What `/metadata` shows of a stage in service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagewire.service import Service


def describe(service: Service) -> dict[str, Any]:
    """Return the stage's state, columns, settings, plan, batches and manifest, as JSON values."""
    stage, settings = service.stage, service.settings
    return {
        "stage": service.name,
        "state": str(service.state),
        "reason": service.reason,
        "input": stage.input.as_json() if stage and stage.input else None,
        "output": stage.output.as_json() if stage and stage.output else None,
        "hop": stage.hop_dtype if stage else None,
        "bad_rows": str(settings.policy),
        "inline_bytes": service.inline_bytes,
        "workers": settings.workers,
        "threads": settings.threads,
        "body_bytes": settings.body_bytes,
        "plan": _plan(service),
        "batches": _batches(service),
        "manifest": _manifest(service),
    }


def _plan(service: Service) -> Any:
    """Return what the model says of its plan: whether it serves, and why not."""
    stage = service.stage
    own = None if stage is None or stage.script.user else stage.model
    describe = getattr(own, "describe", None)
    return describe() if callable(describe) else None


def _batches(service: Service) -> dict[str, Any]:
    if service.batcher is None:
        return {"on": False, "reason": service.unbatched}
    return {
        "on": True,
        "rows_at_most": service.batcher.rows,
        "batches": service.metrics.batches,
        "requests": service.metrics.batched_requests,
        "rows": service.metrics.batched_rows,
    }


def _manifest(service: Service) -> dict[str, Any] | None:
    """Return the manifest but for the golden rows, which are a caller's data."""
    found = service.stage.manifest if service.stage else None
    if found is None:
        return None
    return {key: value for key, value in found.as_json().items() if key != "golden"}
