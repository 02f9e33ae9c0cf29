"""The plan's two files: its structure as JSON, its numbers as npz; nothing that runs when read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson

from featurizer.plan.operations import COMMON
from featurizer.plan.run import Chain, Coded, Codes, Levels, Plan, Words, places
from stagewire.errors import ArtifactError
from stagewire.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from featurizer.plan.run import Places

    Arrays = Mapping[str, NDArray[Any]]

FORMAT: Final = 1
STRUCTURE: Final = "plan.json"
NUMBERS: Final = "plan.npz"


def write(folder: Path, plan: Plan, schema: Schema, output: Schema) -> None:
    """Write a plan and the columns that it takes and gives.

    Raises:
        TypeError: a category cannot be written as UTF-8.

    """
    arrays: dict[str, NDArray[Any]] = {}
    chains: list[Any] = []
    for number, (chain, target) in enumerate(plan.chains):
        chains.append(_chain(chain, f"chain{number}", arrays))
        arrays[f"chain{number}_places"] = _indices(target)
    tables = [_table(table, f"table{i}", arrays) for i, table in enumerate(plan.tables)]
    structure = {
        "format": FORMAT,
        "input": schema.as_json(),
        "output": output.as_json(),
        "width": plan.width,
        "limit": plan.limit,
        "chains": chains,
        "tables": tables,
    }
    (folder / STRUCTURE).write_bytes(orjson.dumps(structure) + b"\n")
    np.savez(folder / NUMBERS, allow_pickle=False, **arrays)


def _chain(chain: Chain, name: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    count = len(chain.sources)
    constants = [
        np.broadcast_to(np.ravel(constant), (count,))
        for _, each in chain.operations
        for constant in each
    ]
    arrays[name] = np.array(constants, dtype=np.float64).reshape(-1, count)
    counts = [(operation, len(each)) for operation, each in chain.operations]
    return {"sources": chain.sources, "operations": counts}


def _table(table: Coded, name: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    arrays[name], arrays[f"{name}_places"] = table.cells, _indices(table.places)
    refused = [[code, *refusal] for code, refusal in table.refused.items()]
    if isinstance(table.coder, Words):
        words = [word for word in table.coder.codes if word is not None]
        return {"source": table.coder.source, "words": words, "refused": refused}
    arrays[f"{name}_levels"] = table.coder.levels
    return {"chain": _chain(table.coder.chain, f"{name}_chain", arrays), "refused": refused}


def read(folder: Path) -> tuple[Plan, Schema, Schema]:
    """Read a plan and the columns that it takes and gives.

    Raises:
        ArtifactError: the files are not there, damaged, or of a format this version does not know.

    """
    try:
        structure = orjson.loads((folder / STRUCTURE).read_bytes())
        if structure["format"] != FORMAT:
            raise ArtifactError(
                f"{folder / STRUCTURE} has format {structure['format']!r}, and this version reads {FORMAT}: package the model again"
            )
        with np.load(folder / NUMBERS, allow_pickle=False) as file:
            arrays: Arrays = {name: file[name] for name in file.files}
        plan = _plan(structure, arrays)
        return plan, Schema.from_json(structure["input"]), Schema.from_json(structure["output"])
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise ArtifactError(
            f"the plan in {folder} cannot be read ({error!r}): package the model again"
        ) from error


def _plan(structure: Mapping[str, Any], arrays: Arrays) -> Plan:
    chains = tuple(
        (_read_chain(each, arrays[f"chain{i}"]), _places(arrays[f"chain{i}_places"]))
        for i, each in enumerate(structure["chains"])
    )
    tables = tuple(
        _read_table(each, f"table{i}", arrays) for i, each in enumerate(structure["tables"])
    )
    return Plan(structure["width"], chains, tables, structure["limit"])


def _read_chain(structure: Mapping[str, Any], constants: NDArray[Any]) -> Chain:
    rows = iter(constants)
    operations = tuple(
        (name, tuple(_constant(name, next(rows)) for _ in range(count)))
        for name, count in structure["operations"]
    )
    return Chain(tuple(structure["sources"]), operations)


def _constant(name: str, row: NDArray[Any]) -> Any:
    return float(row[0]) if name in COMMON else row.reshape(-1, 1)


def _read_table(structure: Mapping[str, Any], name: str, arrays: Arrays) -> Coded:
    coder: Words | Levels
    if "words" in structure:
        coder = Words(structure["source"], Codes(structure["words"]))
    else:
        chain = _read_chain(structure["chain"], arrays[f"{name}_chain"])
        coder = Levels(chain, arrays[f"{name}_levels"])
    refused = {code: (order, column, shown) for code, order, column, shown in structure["refused"]}
    return Coded(coder, arrays[name], _places(arrays[f"{name}_places"]), refused)


def _places(indices: NDArray[Any]) -> Places:
    return places(indices.tolist())


def _indices(found: Places) -> NDArray[np.intp]:
    if isinstance(found, slice):
        return np.arange(found.start, found.stop, dtype=np.intp)
    return found
