"""Two artifacts become an endpoint: checked, uploaded, created or updated, awaited, recorded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from stagewire_pipeline import deleting, preflight, pushed
from stagewire_pipeline.deployment import INSTANCE_TYPE, Container, Deployment, Resource, hops
from stagewire_pipeline.errors import DeployError, FailedError
from stagewire_pipeline.ledger import NAME, Ledger
from stagewire_pipeline.making import Work, default_bucket, make
from stagewire_pipeline.tail import tail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from stagewire_pipeline.apply import Aws, State, Target
    from stagewire_pipeline.ledger import Entry
    from stagewire_pipeline.making import Maker
    from stagewire_pipeline.preflight import Archive

IN_SERVICE = "InService"
FAILED = "Failed"
# What tells our things from others' in a bill.
TAGS = {"stagewire": "deploy"}


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What was asked for; what is None is found: the account's bucket, the caller's role."""

    name: str
    out: Path
    role: str | None = None
    bucket: str | None = None
    images: Mapping[str, str] = field(default_factory=dict)
    instance_type: str = INSTANCE_TYPE
    instance_count: int = 1
    update: bool = False
    wait: bool = True


@dataclass(frozen=True)
class Outcome:
    """What stands now."""

    entry: Entry
    state: State
    skipped: bool = False


def deploy(spec: Spec, aws: Aws, maker: Maker, say: Callable[[str], None]) -> Outcome:
    """Bring an endpoint up, or over to new content; its record is never behind what was made.

    Raises:
        DeployError: something is wrong with the spec, or AWS refused a step.
        FailedError: the endpoint did not come into service.

    """
    found = check(spec)
    target = aws.target()
    deployment = plan(spec, found, aws, target)
    ledger = Ledger(spec.out / NAME)
    old = standing(spec.name, aws, ledger, target, say)
    work = Work(deployment, found, aws, maker, ledger, say)
    if old is not None:
        state = aws.state(spec.name)
        if state.status == FAILED:
            raise DeployError(
                f"{spec.name} is Failed ({state.reason or 'AWS gives no reason'}); "
                f"remove it first: stagewire delete {spec.name}"
            )
        if state.status == IN_SERVICE and state.config != old.config:
            old = rolled_back(work, old, state)
        if state.status == IN_SERVICE and old.version == deployment.version:
            return Outcome(old, state, skipped=True)
        if not spec.update:
            raise DeployError(
                f"the endpoint {spec.name} exists already ({state.status}), with other content; "
                f"deploy with --update, or first: stagewire delete {spec.name}"
            )
    entry = make(work, target, old)
    if not spec.wait:
        return Outcome(entry, aws.state(spec.name))
    return settle(work, entry, old)


def check(spec: Spec) -> tuple[Archive, ...]:
    """Refuse what cannot work, before anybody is asked.

    Raises:
        DeployError: name, role, bucket, images, instances or artifacts cannot work.

    """
    preflight.name(spec.name)
    preflight.instance_type(spec.instance_type)
    preflight.images(spec.images)
    if spec.role is not None:
        preflight.role(spec.role)
    if spec.bucket is not None:
        preflight.bucket(spec.bucket)
    return preflight.archives(spec.out)


def plan(spec: Spec, archives: Sequence[Archive], aws: Aws, target: Target) -> Deployment:
    """Turn the spec into a deployment.

    Raises:
        DeployError: there is no role to be had, or no image.

    """
    role = spec.role or aws.own_role()
    if role is None:
        raise DeployError(
            "SageMaker needs the ARN of a role that it may act as; name one with --role "
            "(the credentials here are a user's, so there is no role to use by default)"
        )
    bucket = spec.bucket or default_bucket(target)
    containers = tuple(
        Container(
            hostname=each.stage,
            image=spec.images.get(each.stage) or pushed.image(spec.out, each.stage, target, aws),
            model_data=f"s3://{bucket}/{each.key(spec.name)}",
            environment=environment,
        )
        for each, environment in zip(archives, hops(len(archives)), strict=True)
    )
    return Deployment(
        name=spec.name,
        role=role,
        containers=containers,
        instance_type=spec.instance_type,
        instance_count=spec.instance_count,
        tags=TAGS,
    )


def standing(
    name: str, aws: Aws, ledger: Ledger, target: Target, say: Callable[[str], None]
) -> Entry | None:
    """Return the entry of the endpoint of this name, None when there is no such endpoint.

    Raises:
        DeployError: there is one that this record did not make.

    """
    old, there = ledger.find(name, target), aws.exists(Resource("endpoint", name))
    if there and old is None:
        raise DeployError(
            f"there is an endpoint {name}, and {ledger.path} does not say that it was made from "
            "here; stagewire touches only what it made, so choose another --name"
        )
    if old is not None and not there:
        say(f"{name} is gone, though it is recorded; removing what is left of it first")
        deleting.clear(old, aws, ledger, say)
        return None
    return old


def rolled_back(work: Work, old: Entry, state: State) -> Entry:
    """Remove what an update made that nobody awaited and that AWS then took back."""
    names = (old.version, old.config)
    lost = [each for each in old.made if each.name in names and each.kind != "endpoint"]
    return deleting.remove(lost, replace(old, version="", config=state.config), *work.for_removal)


def settle(work: Work, entry: Entry, old: Entry | None) -> Outcome:
    """Wait until the endpoint serves the new content, then remove what only the old one needed.

    Raises:
        FailedError: it does not; what a failed update made is removed again.

    """
    state = watch(work, entry.name)
    if state.status == IN_SERVICE and state.config == entry.config:
        needed = work.things(update=bool(old))
        stale = [each for each in entry.made if each not in needed and each.kind != "endpoint"]
        return Outcome(deleting.remove(stale, entry, *work.for_removal), state)
    logs = tail(work.aws, entry.name, reason=state.reason)
    if old is not None and state.config != entry.config:
        fresh = [each for each in entry.made if each not in old.made]
        deleting.remove(fresh, replace(old, made=entry.made), *work.for_removal)
        told = f"{entry.name} was not updated; it still serves the old content"
    else:
        told = f"{entry.name} is {state.status}; remove it with: stagewire delete {entry.name}"
    raise FailedError(f"{told}\n{state.reason or 'AWS gives no reason'}", logs)


def watch(work: Work, name: str) -> State:
    """Say an endpoint's state until it has come to rest; return how it did."""
    states = work.aws.states(name)
    state = next(states)
    for later in states:
        work.say(f"endpoint {name}: {state.status}")
        state = later
    return state
