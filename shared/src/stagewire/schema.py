"""What columns a stage takes and gives, so that both ends of a hop can check each other."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

from stagewire.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DType = Literal["float64", "float32", "string"]
Task = Literal["transform", "regression", "classification"]


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its name and the type its values have once decoded."""

    name: str
    dtype: DType = "float64"

    @property
    def numeric(self) -> bool:
        """Tell numbers from text."""
        return self.dtype != "string"


@dataclass(frozen=True)
class Schema:
    """The columns of one side of a stage, in order.

    As an input, `label` is the training label's name, which a row may carry along. As an output,
    `task` says what the columns mean and `classes` names the classes of a classifier, in the
    order of its probabilities (text, or integers).
    """

    fields: tuple[Field, ...]
    label: str | None = None
    task: Task = "transform"
    classes: tuple[str | int, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(field.name for field in self.fields)

    @cached_property
    def numeric(self) -> bool:
        """Whether every column is numeric, so that a 2-D array can carry the rows."""
        return all(field.numeric for field in self.fields)

    @cached_property
    def numbered(self) -> bool:
        """Whether the names only number the columns."""
        return numbered(self.names)

    @cached_property
    def folded(self) -> frozenset[str]:
        """The folded names, which tell a header; an empty cell is no sign of one."""
        return frozenset(filter(None, map(fold, self.names)))

    @cached_property
    def by_fold(self) -> Mapping[str, int]:
        """Positions by folded name; names that are equal then keep only exact matches."""
        seen: dict[str, int] = {}
        twice: set[str] = set()
        for position, name in enumerate(self.names):
            key = fold(name)
            if key in seen:
                twice.add(key)
            seen[key] = position
        return {key: position for key, position in seen.items() if key not in twice}

    def position(self, name: str) -> int | None:
        """Find a caller's column name: exactly, or else without regard to case and outer blanks."""
        try:
            return self.names.index(name)
        except ValueError:
            return self.by_fold.get(fold(name))

    def as_json(self) -> dict[str, Any]:
        """Return the manifest's form."""
        return {
            "fields": [asdict(field) for field in self.fields],
            "label": self.label,
            "task": self.task,
            "classes": list(self.classes),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        """Read the manifest's form.

        Raises:
            ArtifactError: the data is not a schema.

        """
        try:
            fields = tuple(Field(item["name"], item["dtype"]) for item in data["fields"])
            return cls(fields, data["label"], data["task"], tuple(data["classes"]))
        except (KeyError, TypeError) as error:
            raise ArtifactError(
                f"the manifest holds a schema that cannot be read: {error!r}"
            ) from error

    def mismatch(self, other: Schema) -> str | None:
        """Say where another schema's columns differ from these, or None when they agree.

        Types are compared by kind: a float64 column may feed a float32 one, text may not. Names that
        only number the columns say nothing against others.
        """
        if len(self.fields) != len(other.fields):
            return f"{len(self.fields)} columns against {len(other.fields)}"
        named = not (self.numbered or other.numbered)
        for mine, theirs in zip(self.fields, other.fields, strict=True):
            if named and mine.name != theirs.name:
                return f"column {mine.name!r} against {theirs.name!r}"
            if mine.numeric != theirs.numeric:
                return f"column {mine.name!r} is {mine.dtype} against {theirs.dtype}"
        return None


def numbered(names: Iterable[str]) -> bool:
    """Tell names that only number columns: f0, f1 and so on, as XGBoost calls an array's."""
    return all(name == f"f{i}" for i, name in enumerate(names))


def fold(name: str) -> str:
    """Reduce a name to what two spellings of it share: pandas keeps the blank of a header's `, `."""
    return name.strip().casefold()


def schema(fields: Iterable[tuple[str, str]], **rest: Any) -> Schema:
    """Build a schema from (name, dtype) pairs; the rest goes to `Schema`."""
    return Schema(tuple(Field(name, cast("DType", dtype)) for name, dtype in fields), **rest)
