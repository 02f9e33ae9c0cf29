"""Deletes a deployment: exactly what its record lists, the endpoint first, the bucket last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stagewire_pipeline.errors import DeployError
from stagewire_pipeline.ledger import NAME, Entry, Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from stagewire_pipeline.apply import Aws
    from stagewire_pipeline.deployment import Resource


def delete(name: str, out: Path, aws: Aws, say: Callable[[str], None]) -> Entry:
    """Delete what was made for an endpoint; return its entry, in which nothing is left.

    Raises:
        DeployError: nothing is recorded under this name, or AWS refuses a step.

    """
    ledger, target = Ledger(out / NAME), aws.target()
    entry = ledger.find(name, target)
    if entry is None:
        have = [each.name for each in ledger.entries if each.target == target]
        where = target.url or f"account {target.account}, {target.region}"
        raise DeployError(
            f"{ledger.path} records no endpoint {name!r} at {where} "
            f"(recorded there: {', '.join(have) or 'none'}); nothing was deleted"
        )
    return clear(entry, aws, ledger, say)


def clear(entry: Entry, aws: Aws, ledger: Ledger, say: Callable[[str], None]) -> Entry:
    """Delete everything of an entry."""
    return remove(entry.made, entry, aws, ledger, say)


def remove(
    things: Iterable[Resource],
    entry: Entry,
    aws: Aws,
    ledger: Ledger,
    say: Callable[[str], None],
) -> Entry:
    """Delete some of an entry's things, the record following each step; return what is left."""
    for each in sorted(things, key=lambda thing: ORDER[thing.kind]):
        if each.kind == "bucket" and aws.exists(each) and not aws.empty(each.name):
            entry = _without(entry, each, ledger)
            say(_kept(each, entry, ledger))
            continue
        say(f"deleting {each}")
        gone = aws.delete(each)
        say(f"deleted {each}" if gone else f"{each} was gone already")
        entry = _without(entry, each, ledger)
    ledger.put(entry)
    return entry


def _without(entry: Entry, thing: Resource, ledger: Ledger) -> Entry:
    left = entry.having(each for each in entry.made if each != thing)
    ledger.put(left)
    return left


def _kept(bucket: Resource, entry: Entry, ledger: Ledger) -> str:
    """Hand a bucket that still holds things to another endpoint whose artifacts are in it."""
    for heir in ledger.entries:
        mine = (heir.name, heir.target) == (entry.name, entry.target)
        if not mine and (heir.bucket, heir.target) == (bucket.name, entry.target):
            ledger.put(heir.having((bucket, *heir.made)))
            return f"{bucket} is kept: {heir.name} uses it"
    return f"{bucket} is kept: it holds things that were not made from here"


# An endpoint needs its configuration, and so on down to the bucket.
ORDER: Final = {"endpoint": 0, "endpoint-config": 1, "model": 2, "object": 3, "bucket": 4}
