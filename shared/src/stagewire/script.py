"""A stage's functions, ours or a user's `code/inference.py`, called the way the SageMaker toolkits do.

The habits are those of aws/sagemaker-inference-toolkit (transformer.py, environment.py): text for
exactly text/csv and application/json, an optional `context`, `transform_fn` instead of the three.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import logging
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stagewire import media
from stagewire.errors import ArtifactError, Malformed, StageFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import ModuleType

    Function = Callable[..., Any]

_log = logging.getLogger(__name__)

DEFAULT_PROGRAM = "inference.py"
# The toolkit decodes these two for input_fn, by exact comparison; all others arrive as bytes.
_AS_TEXT = frozenset({media.CSV, media.JSON})


@dataclass(slots=True)
class Context:
    """What a user's function may ask of the request and the server, as `context`."""

    model_dir: str
    request_id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def system_properties(self) -> dict[str, Any]:
        """The toolkit's own name for the model directory."""
        return {"model_dir": self.model_dir, "gpu_id": None}

    def get_request_header(self, _index: int, name: str) -> str | None:
        """Look a header up, as the toolkit's context does."""
        return self.headers.get(name.lower())


@dataclass(frozen=True, slots=True)
class Script:
    """The functions a stage is made of; only `model_fn`, and `predict_fn` or `transform_fn`, must be there."""

    model_fn: Function
    predict_fn: Function | None = None
    input_fn: Function | None = None
    output_fn: Function | None = None
    transform_fn: Function | None = None
    compile_fn: Function | None = None
    takes_table: bool = False
    inline_bytes: int = 0
    pinned: tuple[str, ...] = ()
    user: bool = False


def of(module: ModuleType, *, user: bool = False) -> Script:
    """Collect a module's functions.

    Raises:
        ArtifactError: one that must be there is not, or `transform_fn` stands beside the three, or
            a user's cannot be called as it will be.

    """
    found: dict[str, Any] = {name: getattr(module, name, None) for name in _NAMES}
    three = [name for name in ("input_fn", "predict_fn", "output_fn") if found[name]]
    if found["transform_fn"] and three:
        raise ArtifactError(
            f"{module.__file__} defines transform_fn and also {', '.join(three)}; it must be one or the other"
        )
    due = ("model_fn",) if found["transform_fn"] else ("model_fn", "predict_fn")
    if lacking := [name for name in due if not found[name]]:
        raise ArtifactError(f"{module.__file__} lacks {' and '.join(lacking)}")
    for name in _NAMES if user else ():
        if reason := found[name] and _objection(name, found[name]):
            raise ArtifactError(f"{module.__file__}: {reason}")
    return Script(
        **found,
        compile_fn=None if user else getattr(module, "compile_fn", None),
        takes_table=getattr(module, "TAKES", "frame") == "table",
        inline_bytes=getattr(module, "INLINE_BYTES", 0),
        pinned=tuple(getattr(module, "PINNED", ())),
        user=user,
    )


# With the arguments that each is called with.
_NAMES = {
    "model_fn": ("model_dir",),
    "predict_fn": ("data", "model"),
    "input_fn": ("body", "content_type"),
    "output_fn": ("prediction", "accept"),
    "transform_fn": ("model", "body", "content_type", "accept"),
}


def _objection(name: str, function: Any) -> str | None:
    """Tell at the start why each request would fail, None when none need."""
    if not callable(function):
        return f"{name} is {type(function).__name__}, and not a function"
    if inspect.iscoroutinefunction(function):
        return f"{name} is async, and nobody would await it"
    arguments = _NAMES[name]
    if takes_context(function, len(arguments)):
        arguments = (*arguments, "context")
    try:
        inspect.signature(function).bind(*arguments)
    except ValueError:
        return None
    except TypeError as error:
        return f"{name} cannot be called as {name}({', '.join(arguments)}): {error}"
    return None


def program(model_dir: Path, named: str | None) -> Path | None:
    """Find the user's program: in `model/code`, then in `model`; None when there is none.

    Raises:
        ArtifactError: SAGEMAKER_PROGRAM names a file that is in neither.

    """
    name = named or DEFAULT_PROGRAM
    for folder in (model_dir / "code", model_dir):
        for path in (folder / name, folder / f"{name}.py"):  # a module's name does as well
            if path.is_file():
                return path
    if named:
        raise ArtifactError(
            f"SAGEMAKER_PROGRAM is {named!r}, and neither {model_dir / 'code'} nor {model_dir} has it"
        )
    return None


def load(path: Path) -> Script:
    """Run a user's program and collect its functions; its folder is importable, as on SageMaker.

    Raises:
        ArtifactError: it cannot be run.

    """
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(f"stagewire_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ArtifactError(f"{path} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    # By its own name too, for helpers that import it and pickles that name it: else it ran twice.
    known = sys.modules.get(path.stem)
    own = known is None or getattr(known, "__name__", None) == spec.name
    if own:
        sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        if own:
            del sys.modules[path.stem]
        _log.exception("%s failed", path)
        raise ArtifactError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    return of(module, user=True)


def call(function: Function, *arguments: Any, context: Context) -> Any:
    """Call a function, with the context when its signature has room for one."""
    if _takes_context(function, len(arguments)):
        return function(*arguments, context)
    return function(*arguments)


def takes_context(function: Function, count: int) -> bool:
    """Tell whether a function takes one positional argument more than `count`."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        places = [p for p in inspect.signature(function).parameters.values() if p.kind in kinds]
    except ValueError:  # some of C's tell nothing
        return False
    return len(places) > count and (
        places[count].name == "context" or places[count].default is inspect.Parameter.empty
    )


def _takes_context(function: Function, count: int) -> bool:
    try:
        return _remembered(function, count)
    except TypeError:  # a callable without a hash
        return takes_context(function, count)


# Reading a signature takes 20 us, and a process has a handful of functions.
_remembered = functools.lru_cache(maxsize=32)(takes_context)


def body_for(body: bytes, content_type: str) -> str | bytes:
    """Decode the body for a user's input_fn as the toolkit would.

    Raises:
        Malformed: the body is not UTF-8.

    """
    if content_type not in _AS_TEXT:
        return body
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is not utf-8: {error.reason} at offset {error.start}") from None


def typed(found: Any, accept: str) -> tuple[bytes, str]:
    """Read what a user's function returned: a body, or a body with its content type.

    Raises:
        StageFailed: neither text nor bytes, or a content type that no header can carry.
        Malformed: there is none, and the one that was accepted cannot be one.

    """
    body, content_type = found if isinstance(found, tuple) and len(found) == 2 else (found, None)  # noqa: PLR2004 (a pair)
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes | bytearray | memoryview):
        raise StageFailed(
            f"the stage's code returned {type(body).__name__} where text or bytes are expected"
        )
    if content_type is None:
        if not _fits_header(accept):
            raise Malformed(
                f"the Accept header {accept!r} is no content type that an answer can have"
            )
        content_type = accept
    elif not _fits_header(content_type):
        raise StageFailed(f"the stage's code returned the content type {content_type!r}")
    return bytes(body), content_type


def _fits_header(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()
