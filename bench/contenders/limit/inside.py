"""Where one request's time goes inside our stages: the bare arithmetic, the whole answer, and its profile."""

from __future__ import annotations

import base64
import cProfile
import json
import os
import pstats
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clock import timed

from stagewire import loading, settings
from stagewire.testing import ask

if TYPE_CHECKING:
    from collections.abc import Callable

# Calls for one row: so many that a single hiccup does not count; for large bodies a twentieth of them.
TIMES = 2_000
LARGE = 10_000
TOP = 10


def bare(stage: str, body: bytes) -> Callable[[], bytes]:
    """Return the limit's own work on a CSV body or, for stage 2, on what the limit's stage 1 made of it."""
    from features import load as features

    home = Path(os.environ["SAGEMAKER_BASE_DIR"])
    if stage == "featurizer":
        work = features(str(home / "model"))
        return lambda: work(body)
    from predictions import load as predictions

    made = features(str(home.parent / "featurizer" / "model"))(body)
    score = predictions(str(home / "model"))
    return lambda: score(made)


def profile(times: int, step: Callable[[], Any]) -> list[str]:
    """Return the functions with the most time of their own: microseconds a request, and where."""
    watched = cProfile.Profile()
    watched.enable()
    for _ in range(times):
        step()
    watched.disable()
    stats = pstats.Stats(watched).stats  # type: ignore[attr-defined]
    own = sorted(stats.items(), key=lambda item: -item[1][2])[:TOP]
    return [f"{found[2] / times * 1e6:6.1f} us  {_name(where)}" for where, found in own]


def _name(where: tuple[str, int, str]) -> str:
    file, line, function = where
    return function if file == "~" else f"{'/'.join(Path(file).parts[-2:])}:{line} {function}"


def main() -> None:
    """Time the stage that the first argument names on the request that stdin holds."""
    told = json.load(sys.stdin)
    body, first = base64.b64decode(told["body"]), told["first"].encode()
    times = TIMES if len(body) < LARGE else TIMES // 20
    stage = loading.load(sys.argv[1], settings.read(os.environ))
    whole = lambda: ask(stage, body, told["type"], None)  # noqa: E731 (a step to time)
    took = timed(times, arithmetic=bare(sys.argv[1], first), answer=whole)
    content, media = whole()
    found = {
        **took,
        "profile": profile(times, whole),
        "body": base64.b64encode(content).decode(),
        "type": media,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
