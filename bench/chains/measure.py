"""The measurements themselves, each written down as soon as it is made and not made twice."""

from __future__ import annotations

import http.client
import random
import sys
from typing import TYPE_CHECKING, Any, Final

from chains import agreement, cells, environments, load
from chains.absent import Absent
from chains.cells import Cell
from chains.contenders import ECHO
from chains.places import STAGES
from chains.server import Chain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from chains.contenders import Contender
    from chains.results import Record, Results

# While memory is taken with large bodies: as many as the largest classic pair has workers.
MEMORY_CLIENTS: Final = 8
LARGE_ROWS: Final = 10_000
TOO_LARGE: Final = 26 * 2**20  # one MiB above what a stage takes
PING_EVERY: Final = 20  # ms
PING_SECONDS: Final = 5.0


def say(text: str) -> None:
    """Tell whoever waits."""
    print(text, file=sys.stderr, flush=True)


def start(contenders: Iterable[Contender]) -> dict[str, Chain]:
    """Start every chain that can be started here; the others are named with the reason."""
    found: dict[str, Chain] = {}
    try:
        for contender in contenders:
            try:
                found[contender.name] = Chain(contender).start()
            except Absent as error:
                say(f"left out: {contender.name}: {error}")
    except BaseException:
        stop(found)
        raise
    return found


def stop(chains: Mapping[str, Chain]) -> None:
    """End all."""
    for chain in chains.values():
        chain.stop()


def throughput(
    chains: Mapping[str, Chain],
    wanted: Sequence[Cell],
    rounds: range,
    results: Results,
    *,
    factor: float = 1.0,
) -> None:
    """Load every chain for every cell once a round, in an order that is drawn anew."""
    for number in rounds:
        for each in wanted:
            order = list(chains.values())
            # Not for secrets: only so that nobody always comes first.
            random.shuffle(order)
            for chain in order:
                one(chain, each, number, results, factor=factor)


def one(chain: Chain, cell: Cell, number: int, results: Results, *, factor: float = 1.0) -> None:
    """Load one chain for one cell, while all others are idle."""
    name = chain.contender.name
    key = {"kind": "load", "cell": cell.name, "contender": name, "round": number}
    if results.has(**key):
        return
    told = tried(chain, key, results, seconds=cell.seconds * factor)
    if told is None:
        return
    results.add(
        **key,
        p50=told["chain"]["p50"],
        p99=told["chain"]["p99"],
        rate=told["chain"]["count"] / told["seconds"],
        cpu_ms=1e3 * told["spent"] / told["all"],
        hops=[told["hop1"].get("p50"), told["hop2"].get("p50")],
        # Of one core, so that it can be seen that the generator is not what limits.
        generator=told["cpu"] / told["wall"],
        count=told["chain"]["count"],
    )
    rate = told["chain"]["count"] / told["seconds"]
    say(
        f"round {number + 1} {cell.name:>8} {name:16} p50 {told['chain']['p50']:9.3f} ms  {rate:9.1f}/s"
    )


def tried(
    chain: Chain, key: Record, results: Results, *, seconds: float, ping_ms: int = 0
) -> Record | None:
    """Load a chain and compare its answers; what went wrong is written down, and None returned.

    What is told has the CPU seconds spent, too. Returns once the chain is idle: 64 clients that leave
    leave 64 requests, which would be worked on for seconds while the next chain is measured.
    """
    before = chain.cpu()
    try:
        told = load.run(chain, cells.cell(key["cell"]), seconds=seconds, ping_ms=ping_ms)
        told["spent"] = chain.cpu() - before
        agreement.check(chain.contender, cells.cell(key["cell"]).rows, told.pop("answer"))
    except load.Refused as error:
        results.add(**key | {"kind": "refused", "of": key["kind"]}, message=str(error))
        say(f"REFUSED {error}")
    except load.Wrong as error:
        results.add(**key | {"kind": "wrong"}, message=str(error))
        say(f"WRONG {error}")
    else:
        return told
    finally:
        chain.settle()
    return None


def pings(chains: Mapping[str, Chain], cell: Cell, rounds: int, results: Results) -> None:
    """Ping every chain's stages while it is loaded, as the platform does but more often."""
    for number in range(rounds):
        for name, chain in chains.items():
            key = {"kind": "ping", "cell": cell.name, "contender": name, "round": number}
            if results.has(**key):
                continue
            told = tried(chain, key, results, seconds=PING_SECONDS, ping_ms=PING_EVERY)
            if told is None:
                continue
            both = [told["ping1"], told["ping2"]]
            results.add(**key, ping=[each.get("p99", 0) for each in both], pings=both)
            say(f"round {number + 1} /ping p99 {name:16} {[each.get('p99') for each in both]} ms")


def warm(chains: Mapping[str, Chain], rows: Iterable[int], results: Results) -> None:
    """Let every chain answer every number of rows once, and compare the answers."""
    for name, chain in chains.items():
        for count in sorted(set(rows)):
            key = {"kind": "warm", "cell": Cell(count, 1).name, "contender": name, "round": 0}
            tried(chain, key, results, seconds=0.05)
        say(f"answers compared: {name}")


def resources(contenders: Iterable[Contender], rounds: int, results: Results) -> None:
    """Start each chain alone, and take the time to its first ping and its memory, small and large."""
    for number in range(rounds):
        for contender in contenders:
            key = {"kind": "resources", "contender": contender.name, "round": number}
            if results.has(**key):
                continue
            chains = start([contender])
            try:
                for chain in chains.values():
                    results.add(**key, **_resources(chain))
            finally:
                stop(chains)
            say(f"start and memory: {contender.name}")


def _resources(chain: Chain) -> dict[str, Any]:
    found: dict[str, Any] = {"ready": [stage.ready for stage in chain.stages], "crowd": {}}
    for clients in cells.CLIENTS:
        load.run(chain, Cell(1, clients), seconds=0.7)
        found["crowd"][clients] = [stage.tree.pss() for stage in chain.stages]
        chain.settle()
    # At the largest crowd: by then each of several workers has been asked, and holds its model.
    found["small"] = found["crowd"][cells.CLIENTS[-1]]
    load.run(chain, Cell(LARGE_ROWS, MEMORY_CLIENTS), seconds=2)
    found["large"] = [stage.tree.pss() for stage in chain.stages]
    return found


def sizes(contenders: Iterable[Contender], results: Results) -> None:
    """Write down what each contender takes on disk, and what its images weigh."""
    for contender in contenders:
        key = {"kind": "size", "contender": contender.name, "round": 0}
        if not results.has(**key):
            results.add(**key, bytes=[environments.size(contender, stage) for stage in STAGES])


def generator(results: Results) -> None:
    """Write down what the load generator does against stages that only echo: its own limit."""
    if results.has(kind="generator"):
        return
    chain = Chain(ECHO).start()
    try:
        for cell in cells.HEADLINE:
            told = load.run(chain, cell, seconds=1)
            rate, share = told["chain"]["count"] / told["seconds"], told["cpu"] / told["wall"]
            results.add(
                kind="generator",
                contender="echo",
                cell=cell.name,
                round=0,
                rate=rate,
                p50=told["chain"]["p50"],
                p99=told["chain"]["p99"],
                generator=share,
            )
    finally:
        chain.stop()


def refusal(chain: Chain, results: Results) -> None:
    """Write down what a stage answers to a body above its limit."""
    key = {"kind": "limit", "contender": chain.contender.name, "round": 0}
    if results.has(**key):
        return
    connection = http.client.HTTPConnection("127.0.0.1", chain.stages[0].port, timeout=30)
    body = bytes(TOO_LARGE)
    try:
        connection.request("POST", "/invocations", body, {"Content-Type": "text/csv"})
        answer = connection.getresponse()
        results.add(**key, bytes=len(body), status=answer.status, text=answer.read(500).decode())
    except OSError as error:
        # It may close before all of it is sent: that is a refusal too, but not a clear one.
        results.add(**key, bytes=len(body), status=0, text=str(error))
    finally:
        connection.close()
