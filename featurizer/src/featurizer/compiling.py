"""At packaging: the plan of a fitted transformer is made, written, read again and proven."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from featurizer.model import COST
from featurizer.plan.assemble import assemble
from featurizer.plan.edges import edges
from featurizer.plan.file import FORMAT, NUMBERS, STRUCTURE, read, write
from featurizer.plan.proof import Unequal, prove, prove_few
from featurizer.plan.symbols import Unplanned
from featurizer.planned import Planned

if TYPE_CHECKING:
    from pathlib import Path

    from featurizer.model import Featurizer
    from stagewire.table import Table


def compile_plan(folder: Path, reference: Featurizer, samples: Table) -> dict[str, Any]:
    """Write `plan.json` and `plan.npz` and prove them on samples and edge rows.

    Returns what the manifest records: the proof, or which step has no plan and why. A plan that
    is not proven is removed.
    """
    remove(folder)
    try:
        plan = assemble(reference.transformer, reference.schema)
        write(folder, plan, reference.schema, reference.output)
        return _proven(folder, reference, samples)
    except Unplanned as error:
        step, reason = error.step, error.reason
    except Unequal as error:
        step, reason = "the proof", str(error)
    except Exception as error:  # noqa: BLE001 (whatever a stranger's step raises, it serves without)
        step, reason = "the plan", f"{type(error).__name__}: {error}"
    remove(folder)
    return {"proven": False, "step": step, "reason": reason, "cost": COST}


def _proven(folder: Path, reference: Featurizer, samples: Table) -> dict[str, Any]:
    if not samples.rows:
        raise Unequal("there are no rows of a channel 'train' to prove it on")
    plan, schema, output = read(folder)
    planned = Planned(plan, schema, output, lambda: reference)
    training = prove(planned, reference, samples)
    odd = edges(plan, schema, samples)
    edge = prove(planned, reference, odd)
    for rows in (samples, odd):
        prove_few(planned, rows)
    return {"proven": True, "format": FORMAT, "training": asdict(training), "edges": asdict(edge)}


def remove(folder: Path) -> None:
    """Remove a plan, which may be that of another transformer."""
    for name in (STRUCTURE, NUMBERS):
        (folder / name).unlink(missing_ok=True)
