"""Tells before anything starts that archives are in the wrong order, or of two trainings."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def misfit(archives: Sequence[tuple[Path, Mapping[str, Any]]]) -> str | None:
    """Say where an archive's manifest does not give what the next one's takes, by columns' names.

    None when all fit, for all that is told: a manifest may be empty, or of somebody else's.
    """
    for (path, first), (following, second) in pairwise(archives):
        given, taken = columns(first, "output"), columns(second, "input")
        if given and taken and given != taken:
            return (
                f"{path} gives {written(given)}, and {following} behind it takes {written(taken)}; "
                "the order is wrong, or they were not packaged together"
            )
    return None


def columns(manifest: Mapping[str, Any], side: str) -> list[str]:
    """Name the columns of one side; none of a manifest that does not tell them."""
    try:
        return [str(field["name"]) for field in manifest[side]["fields"]]
    except (KeyError, TypeError):
        return []


def written(names: Sequence[str]) -> str:
    """Write how many columns there are, and the first of them."""
    if len(names) == 1:
        return f"one column ('{names[0]}')"
    return f"{len(names)} columns ('{names[0]}', …)"
