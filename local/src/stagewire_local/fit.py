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
        if given and taken and not fits(given, taken):
            gives, takes = difference(given, taken)
            return (
                f"{path} gives {gives}, and {following} behind it takes {takes}; "
                "the order is wrong, or they were not packaged together"
            )
    return None


def columns(manifest: Mapping[str, Any], side: str) -> list[str]:
    """Name the columns of one side; none of a manifest that does not tell them."""
    try:
        return [str(field["name"]) for field in manifest[side]["fields"]]
    except (KeyError, TypeError):
        return []


def fits(given: Sequence[str], taken: Sequence[str]) -> bool:
    """Tell whether the names agree; those that only number the columns agree with any others."""
    if numbered(given) or numbered(taken):
        return len(given) == len(taken)
    return given == taken


def numbered(names: Sequence[str]) -> bool:
    """Tell whether columns have no names of their own: XGBoost calls those of an array f0, f1 and so on."""
    return list(names) == [f"f{place}" for place in range(len(names))]


def difference(given: Sequence[str], taken: Sequence[str]) -> tuple[str, str]:
    """Write both sides by their number of columns, or by the first names that differ."""
    if len(given) != len(taken):
        return written(given), written(taken)
    return next(
        (f"'{mine}'", f"'{theirs}' in its place")
        for mine, theirs in zip(given, taken, strict=True)
        if mine != theirs
    )


def written(names: Sequence[str]) -> str:
    """Write how many columns there are, and the first of them."""
    if len(names) == 1:
        return f"one column ('{names[0]}')"
    return f"{len(names)} columns ('{names[0]}', …)"
