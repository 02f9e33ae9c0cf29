"""Who is compared, each as its own documentation would set it up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One chain: how a stage of it is started, and what it speaks.

    `command` and `environ` may name {python}, {bin}, {stage}, {port}, {model}, {scratch}, two more free
    ports, {spare} and {other}, and {here}, the contender's own folder in {all}. `environ_of` adds to one
    stage only. `image` is run by Docker instead.
    """

    name: str
    about: str
    environment: str = ""
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
_PEER: Final = {**OMP, "MODEL_DIR": "{model}", "STAGE": "{stage}", "PYTHONPATH": "{all}:{here}"}
_MLSERVER: Final = ("{bin}/mlserver", "start", "{here}/{stage}")
_MLSERVER_ENV: Final = {
    **_PEER,
    "MLSERVER_HOST": "127.0.0.1",
    "MLSERVER_HTTP_PORT": "{port}",
    "MLSERVER_GRPC_PORT": "{spare}",
    "MLSERVER_METRICS_PORT": "{other}",
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
        name="mlserver",
        about="MLServer 1.7, parallel_workers=0, a custom runtime with a custom endpoint for CSV",
        environment="mlserver",
        command=_MLSERVER,
        environ={**_MLSERVER_ENV, "MLSERVER_PARALLEL_WORKERS": "0"},
        ping="/v2/health/ready",
    ),
    Contender(
        name="mlserver-default",
        about="the same with its one parallel worker",
        environment="mlserver",
        command=_MLSERVER,
        environ=_MLSERVER_ENV,
        ping="/v2/health/ready",
    ),
    Contender(
        name="litserve",
        about="LitServe 0.2, JSON in and out, one worker",
        environment="litserve",
        command=("{python}", "{here}/server.py"),
        environ={**_PEER, "PORT": "{port}"},
        ping="/health",
        body="json",
    ),
    Contender(
        name="bentoml",
        about="BentoML 1.4, JSON in and out, one worker",
        environment="bentoml",
        command=(
            *("{python}", "-m", "bentoml", "serve", "service:Stage", "--working-dir", "{here}"),
            *("--host", "127.0.0.1", "--port", "{port}"),
        ),
        environ={**_PEER, "BENTOML_HOME": "{scratch}", "BENTOML_DO_NOT_TRACK": "True"},
        ping="/readyz",
        body="json",
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
        name="ours-plans-off",
        about="the same with STAGEWIRE_PLAN=off: scikit-learn and XGBoost do the work",
        environment="ours",
        command=_OURS,
        environ={**_OURS_ENV, "STAGEWIRE_PLAN": "off"},
        environ_of=_HOP,
        models="packaged",
        exact=True,
    ),
    Contender(
        name="ours-container",
        about="the same in its two images, on the host's network",
        image="stagewire/{stage}",
        environ={"SAGEMAKER_BIND_TO_PORT": "{port}", "STAGEWIRE_HOST": "127.0.0.1"},
        environ_of=_HOP,
        models="packaged",
        exact=True,
    ),
    Contender(
        name="limit",
        about="the same arithmetic behind a bare asyncio.Protocol: no validation, negotiation, ids or metrics",
        environment="ours",
        command=("{python}", "{all}/limit/stage.py", "{stage}"),
        environ={**OMP, "MODEL_DIR": "{model}/model", "PORT": "{port}"},
        models="packaged",
        exact=True,
    ),
)
# No contender: shows what the load generator itself can do, with both stages sending back what came.
ECHO: Final = Contender(
    name="echo",
    about="the bare protocol, which answers each body with itself",
    environment="ours",
    command=("{python}", "{all}/limit/stage.py", "echo"),
    environ={"MODEL_DIR": "{model}", "PORT": "{port}"},
)
CONTENDERS: Final = {each.name: each for each in ALL}
