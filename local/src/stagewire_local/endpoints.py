"""Endpoints as the control plane shows them, and the changes that it may ask a host for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stagewire_local import configs
from stagewire_local.change import Change
from stagewire_local.faults import ValidationException
from stagewire_local.registry import State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from stagewire_local.plan import Plan
    from stagewire_local.registry import Endpoint
    from stagewire_local.variant import Variant

CHANGING = (State.CREATING, State.UPDATING, State.ROLLING_BACK, State.DELETING)


def steady(endpoint: Endpoint, *, arn: str) -> None:
    """Refuse to change what is changing. Raises ValidationException in the platform's words."""
    if endpoint.state in CHANGING:
        raise ValidationException(f'Cannot update in-progress endpoint "{arn}".')


def updatable(endpoint: Endpoint, *, arn: str) -> None:
    """Refuse to update what does not serve. Raises ValidationException."""
    steady(endpoint, arn=arn)
    if endpoint.state is not State.IN_SERVICE:
        raise ValidationException(f'Cannot update endpoint "{arn}": it is {endpoint.state.value}.')


def described(endpoint: Endpoint, *, arn: str) -> dict[str, Any]:
    """Write what DescribeEndpoint answers; empty members are left out, as by the platform."""
    whole = {
        "EndpointName": endpoint.name,
        "EndpointArn": arn,
        "EndpointConfigName": endpoint.settings.get("EndpointConfigName"),
        "ProductionVariants": [variant(each, endpoint=endpoint) for each in endpoint.variants],
        "EndpointStatus": endpoint.state.value,
        "FailureReason": endpoint.failure_reason,
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "AsyncInferenceConfig": endpoint.settings.get("AsyncInferenceConfig"),
        "LastDeploymentConfig": endpoint.deployment,
    }
    return {key: value for key, value in whole.items() if value}


def summary(endpoint: Endpoint, *, arn: str) -> dict[str, Any]:
    """Write the line of ListEndpoints."""
    whole = described(endpoint, arn=arn)
    kept = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
    return {key: whole[key] for key in kept}


def variant(found: Variant, *, endpoint: Endpoint) -> dict[str, Any]:
    """Write one variant's summary."""
    images = [container.spec.image for each in found.instances[:1] for container in each.containers]
    weight = found.wanted.weight
    return {
        "VariantName": found.name,
        "DeployedImages": [
            {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": endpoint.created}
            for image in images
        ],
        "CurrentWeight": found.weight,
        "DesiredWeight": found.weight if weight is None else weight,
        **sizes(found),
    }


def sizes(found: Variant) -> dict[str, Any]:
    """Write what one variant has and is to have, in instances or in requests at once."""
    wanted, serverless = found.wanted, found.settings.get("ServerlessConfig")
    if serverless:
        desired = {"DesiredServerlessConfig": wanted.serverless} if wanted.serverless else {}
        return {"CurrentServerlessConfig": serverless, **desired}
    number = len(found.instances)
    return {
        "CurrentInstanceCount": number,
        "DesiredInstanceCount": number if wanted.count is None else wanted.count,
    }


def retained(plans: Sequence[Plan], *, endpoint: Endpoint, excluded: Collection[str]) -> list[Plan]:
    """Keep weights and numbers of instances that variants have now, but for what is excluded.

    A variant that is new has what its configuration says; a serverless one has no instances.
    """
    found = {each.name: each for each in endpoint.variants}
    return [kept(plan, found.get(plan.name), excluded=excluded) for plan in plans]


def kept(plan: Plan, found: Variant | None, *, excluded: Collection[str]) -> Plan:
    """Keep what one variant has now."""
    if found is None:
        return plan
    if "DesiredWeight" not in excluded:
        plan = replace(plan, weight=found.weight)
    serverless = found.settings.get("ServerlessConfig") or plan.settings.get("ServerlessConfig")
    if "DesiredInstanceCount" in excluded or serverless:
        return plan
    return replace(plan, count=len(found.instances))


def changes(wanted: Sequence[Mapping[str, Any]], *, endpoint: Endpoint) -> dict[str, Change]:
    """Read DesiredWeightsAndCapacities. Raises ValidationException."""
    variants = {each.name: each for each in endpoint.variants}
    weights = {each.name: each.weight for each in endpoint.variants}
    found: dict[str, Change] = {}
    for each in wanted:
        name, count = each["VariantName"], each.get("DesiredInstanceCount")
        if name not in variants or name in found:
            raise ValidationException(
                f"Variant {name} is not one of {', '.join(variants)}, or is given twice."
            )
        if count == 0 or (count and variants[name].settings.get("ServerlessConfig")):
            raise ValidationException(
                f"Variant {name} cannot have {count} instances on this machine."
            )
        weights[name] = each.get("DesiredWeight", weights[name])
        found[name] = Change(
            weight=each.get("DesiredWeight"),
            count=count,
            serverless=concurrency(each, variants[name]),
        )
    if not any(weights.values()):
        raise ValidationException("At least one variant must have a weight above 0.")
    return found


def concurrency(wanted: Mapping[str, Any], found: Variant) -> Mapping[str, Any] | None:
    """Read a ServerlessUpdateConfig into the variant's own. Raises ValidationException."""
    update: Mapping[str, Any] | None = wanted.get("ServerlessUpdateConfig")
    if update is None:
        return None
    if not found.settings.get("ServerlessConfig"):
        raise ValidationException(f"Variant {found.name} is not serverless.")
    serverless = {**found.settings["ServerlessConfig"], **update}
    configs.check_concurrency(serverless, name=found.name)
    return serverless
