"""Checks requests against the service model that every AWS SDK carries, so that errors are AWS's.

botocore's own check runs in the caller and knows no patterns, enumerations or maxima; the platform
does, and other SDKs check nothing.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from stagewire_local.faults import UnknownOperationException, ValidationException

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

KINDS: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str),
}


@cache
def service() -> ServiceModel:
    """Load SageMaker's model: 0.1 s, so at the first request."""
    from botocore.session import get_session

    return get_session().get_service_model("sagemaker")


def check(operation: str, request: dict[str, Any]) -> None:
    """Check a request. Raises UnknownOperationException, or ValidationException with all flaws."""
    if operation not in service().operation_names:
        raise UnknownOperationException(f"{operation} is no operation of SageMaker.")
    shape: Any = service().operation_model(operation).input_shape
    flaws = list(found(shape, request, ""))
    if flaws:
        count = f"{len(flaws)} validation error{'s' * (len(flaws) > 1)} detected: "
        raise ValidationException(count + "; ".join(flaws))


def found(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Walk a value along its shape and yield what is wrong, in the platform's words."""
    if not fits(value, shape.type_name):
        yield flaw(value, path, f"Member must be of type {shape.type_name}")
    elif shape.type_name == "structure":
        yield from members(shape, value, path)
    elif shape.type_name == "list":
        yield from items(shape, value, path)
    elif shape.type_name == "map":
        yield from entries(shape, value, path)
    else:
        yield from scalar(shape, value, path)


def fits(value: Any, name: str) -> bool:
    """Tell whether a value is of a shape's type; Python's bool is an int, JSON's is not."""
    kind: Any = KINDS.get(name, object)
    return isinstance(value, kind) and (name == "boolean" or not isinstance(value, bool))


def members(shape: StructureShape, value: dict[str, Any], path: str) -> Iterator[str]:
    """Check a structure; members it does not know are ignored, as by the platform."""
    for name in shape.required_members:
        if value.get(name) is None:
            yield flaw(None, join(path, name), "Member must not be null")
    for name, inner in shape.members.items():
        if value.get(name) is not None:
            yield from found(inner, value[name], join(path, name))


def items(shape: ListShape, value: list[Any], path: str) -> Iterator[str]:
    """Check a list; the platform counts members from 1."""
    yield from length(shape, value, path)
    for place, each in enumerate(value, 1):
        yield from found(shape.member, each, f"{path}.{place}.member")


def entries(shape: MapShape, value: dict[str, Any], path: str) -> Iterator[str]:
    """Check a map's keys and values."""
    yield from length(shape, value, path)
    for key, each in value.items():
        yield from found(shape.key, key, f"{path}.key")
        yield from found(shape.value, each, f"{path}.{key}.member")


def scalar(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Check a string or a number."""
    rules: dict[str, Any] = dict(shape.metadata)
    if shape.type_name == "string":
        yield from length(shape, value, path)
        enum = rules.get("enum")
        if enum and value not in enum:
            yield flaw(value, path, f"Member must satisfy enum value set: [{', '.join(enum)}]")
        pattern = rules.get("pattern")
        if pattern and not matches(pattern, value):
            yield flaw(value, path, f"Member must satisfy regular expression pattern: {pattern}")
    elif shape.type_name != "timestamp":
        if value < rules.get("min", value):
            yield flaw(
                value, path, f"Member must have value greater than or equal to {rules['min']}"
            )
        if value > rules.get("max", value):
            yield flaw(value, path, f"Member must have value less than or equal to {rules['max']}")


def length(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Check the length of a string, a list or a map."""
    rules: dict[str, Any] = dict(shape.metadata)
    if len(value) < rules.get("min", 0):
        yield flaw(value, path, f"Member must have length greater than or equal to {rules['min']}")
    if len(value) > rules.get("max", len(value)):
        yield flaw(value, path, f"Member must have length less than or equal to {rules['max']}")


@cache
def compiled(pattern: str) -> re.Pattern[str] | None:
    """Compile a pattern of Java's; None for what Python's re does not know."""
    try:
        return re.compile(pattern)
    except re.error:
        return None


def matches(pattern: str, value: str) -> bool:
    """Tell whether a value has a pattern; one that cannot be compiled lets everything pass."""
    known = compiled(pattern)
    return known is None or known.fullmatch(value) is not None


def join(path: str, name: str) -> str:
    """Name a member as the platform does, in lower camel case."""
    member = name[:1].lower() + name[1:]
    return f"{path}.{member}" if path else member


def flaw(value: Any, path: str, constraint: str) -> str:
    """Write one flaw in the platform's words."""
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"
