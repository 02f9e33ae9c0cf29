"""Where one request's time goes: what its stages do, timed inside them, and the rest, which is servers and sockets."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING, Any, Final

from chains import bodies, environments, models
from chains.contenders import CONTENDERS, OMP
from chains.measure import say
from chains.places import CONTENDERS as FOLDER
from chains.places import STAGES

if TYPE_CHECKING:
    from chains.results import Results

ROWS: Final = (1, 1_000)


def measure(results: Results) -> None:
    """Time the stages of ours and of the classic pair, without their servers."""
    for rows in ROWS:
        for name, how in (("ours", ours), ("classic", classic)):
            key = {"kind": "inside", "contender": name, "rows": rows}
            if not results.has(**key):
                results.add(**key, round=0, stages=how(rows))
                say(f"inside: {name}, {rows} rows")


def ours(rows: int) -> list[Any]:
    """Return, a stage, the bare arithmetic, the whole answer and its profile."""
    first = bodies.path("csv", rows).read_text()
    told = {"body": base64.b64encode(first.encode()).decode(), "type": "text/csv", "first": first}
    found: list[Any] = []
    for stage in STAGES:
        environ = {
            **OMP,
            **CONTENDERS["ours"].environ_of.get(stage, {}),
            "SAGEMAKER_BASE_DIR": str(models.home("packaged", stage)),
        }
        answer = _run("limit", "ours", stage, environ, json.dumps(told))
        told |= {"body": answer.pop("body"), "type": answer.pop("type")}
        found.append(answer)
    return found


def classic(rows: int) -> list[Any]:
    """Return, a stage, the time of each of its steps."""
    text = bodies.path("csv", rows).read_text()
    found: list[Any] = []
    for stage in STAGES:
        environ = {"MODEL_DIR": str(models.home("plain", stage))}
        steps, text = _run("classic", "classic", stage, environ, text)
        found.append(steps)
    return found


def _run(folder: str, name: str, stage: str, environ: dict[str, str], text: str) -> Any:
    python = environments.python(CONTENDERS[name], stage)
    command = [python, FOLDER / folder / "inside.py", stage]
    found = subprocess.run(
        command,
        env={**environ, "PYTHONPATH": str(FOLDER)},  # where their clock is
        input=text,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(found.stdout.splitlines()[-1])
