# ruff: noqa: INP001 (Python looks for a module of this name, not for one of a package)
"""Loaded by each Python that `stagewire local run` starts, so that the sagemaker SDK reaches it.

The SDK writes AWS's own URL of STS into its code, past AWS_ENDPOINT_URL, and sleeps 30 s before it
first asks how an endpoint is. Nothing is imported here that the program does not import itself.
"""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

POLL_SECONDS = 0.5  # an endpoint of this machine is up in about one second


def reach(module: Any) -> None:
    """Let clients that were given AWS's own URL take the one of the environment."""
    original = module.Session.create_client

    def create_client(self: Any, service_name: str, *args: Any, **more: Any) -> Any:
        if ".amazonaws.com" in (more.get("endpoint_url") or ""):
            more["endpoint_url"] = None
        return original(self, service_name, *args, **more)

    module.Session.create_client = create_client


def poll_faster(module: Any) -> None:
    """Let the SDK poll more often whether something is ready."""
    original = module._wait_until  # noqa: SLF001 (it has no setting)

    def wait_until(callable_fn: Callable[[], Any], poll: float = POLL_SECONDS) -> Any:
        return original(callable_fn, min(poll, POLL_SECONDS))

    module._wait_until = wait_until  # noqa: SLF001 (same)


class Fixer(MetaPathFinder):
    """Applies a fix right after its module was loaded."""

    def __init__(self, fixes: dict[str, Callable[[Any], None]]) -> None:
        self._fixes = fixes

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 (the protocol's)
        target: ModuleType | None = None,  # noqa: ARG002 (same)
    ) -> ModuleSpec | None:
        """Find one of the modules as Python would, and put the fix behind its loading."""
        fix = self._fixes.pop(fullname, None)
        spec = None if fix is None else find_spec(fullname)
        loader: Any = None if spec is None else spec.loader
        if fix is not None and loader is not None:
            original = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                original(module)
                fix(module)

            loader.exec_module = exec_module
        return spec


def following() -> None:
    """Load the sitecustomize that this one hides, if there is one."""
    here = Path(__file__).parent
    spec = PathFinder.find_spec("sitecustomize", [each for each in sys.path if Path(each) != here])
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


if os.environ.get("AWS_ENDPOINT_URL"):
    sys.meta_path.insert(0, Fixer({"botocore.session": reach, "sagemaker.session": poll_faster}))
following()
