"""Who is compared, each as its own documentation would set it up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One chain: how a stage of it is started, and what it speaks.

    `command` and `environ` may name {python}, {stage}, {port}, {model}, {scratch} and {here}, the
    contender's own folder. `environ_of` adds to one stage only. `image` is run by Docker instead.
    """

    name: str
    about: str
    environment: str
    command: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    environ_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    models: str = "plain"
    path: str = "/invocations"
    ping: str = "/ping"
    body: str = "csv"
    exact: bool = False
    image: str = ""
    # Measured for memory only: as many workers as this are never asked for throughput on 2 cores.
    memory_only: bool = False


# Set for those whose documentation or whose fair form asks for it.
OMP: Final = {"OMP_NUM_THREADS": "1"}

_CLASSIC: Final = ("{python}", "{here}/serve.py", "{stage}")
_CLASSIC_ENV: Final = {
    "MODEL_DIR": "{model}",
    "PORT": "{port}",
    "SCRATCH": "{scratch}",
    "NGINX": "{nginx}",
    "WORKERS": "2",
    "WORKER_CLASS": "gevent",
}
_OURS: Final = ("{python}", "-P", "-m", "{stage}", "serve")
_OURS_ENV: Final = {
    "SAGEMAKER_BASE_DIR": "{model}",
    "SAGEMAKER_BIND_TO_PORT": "{port}",
    "STAGEWIRE_HOST": "127.0.0.1",
}
# What the local SageMaker, compose and a deployment set on every stage but the last.
_HOP: Final = {"featurizer": {"STAGEWIRE_HOP": "auto"}}

ALL: Final = (
    Contender(
        name="classic",
        about="nginx + gunicorn (gevent, 2 workers) + Flask, the model loaded for each request, as published by AWS; answers JSON, as published",
        environment="classic",
        command=_CLASSIC,
        environ=_CLASSIC_ENV,
    ),
    Contender(
        name="classic-fair",
        about="the same, made fair: sync workers that load once, OMP_NUM_THREADS=1",
        environment="classic",
        command=_CLASSIC,
        environ={**_CLASSIC_ENV, **OMP, "WORKER_CLASS": "sync", "LOAD_ONCE": "1"},
    ),
    Contender(
        name="classic-8",
        about="the classic pair with 8 workers, for its memory at 8 concurrent requests",
        environment="classic",
        command=_CLASSIC,
        environ={**_CLASSIC_ENV, **OMP, "WORKERS": "8", "WORKER_CLASS": "sync", "LOAD_ONCE": "1"},
        memory_only=True,
    ),
    Contender(
        name="workbench",
        about="FastAPI + uvicorn, DataFrames, scikit-learn, DMatrix (the Workbench way), OMP_NUM_THREADS=1",
        environment="workbench",
        command=(
            *("{python}", "-m", "uvicorn", "app:app", "--app-dir", "{here}"),
            *("--host", "127.0.0.1", "--port", "{port}"),
        ),
        environ={**OMP, "MODEL_DIR": "{model}", "STAGE": "{stage}"},
    ),
    Contender(
        name="ours",
        about="Stagewire as shipped: one process a stage, validation, negotiation, request ids and metrics on",
        environment="ours",
        command=_OURS,
        environ=_OURS_ENV,
        environ_of=_HOP,
        models="packaged",
        exact=True,
    ),
    Contender(
        name="limit",
        about="the same arithmetic behind a bare asyncio.Protocol: no validation, negotiation, ids or metrics",
        environment="ours",
        command=("{python}", "{here}/stage.py", "{stage}"),
        environ={**OMP, "MODEL_DIR": "{model}/model", "PORT": "{port}"},
        models="packaged",
        exact=True,
    ),
)
CONTENDERS: Final = {each.name: each for each in ALL}
