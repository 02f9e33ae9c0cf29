"""Endpoint configurations of the control plane: their rules, and the variants that they plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagewire_local import models
from stagewire_local.faults import NotImplementedHere, ValidationException
from stagewire_local.plan import Plan
from stagewire_local.variant import FEWEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagewire_local.catalog import Records

MISSING = ("ShadowProductionVariants", "ExplainerConfig", "CrossRegionTrafficConfig")
# What a serverless variant cannot have besides (serverless-endpoints).
INSTANCES = ("InstanceType", "InitialInstanceCount", "InstancePools", "AcceleratorType")


def check(config: Mapping[str, Any], *, known: Records) -> None:
    """Hold a CreateEndpointConfig request to the rules that no shape says.

    Raises ValidationException, or NotImplementedHere for what this machine does not have.
    """
    for member in MISSING:
        if config.get(member):
            raise NotImplementedHere(f"{member} is not implemented on this machine.")
    if (config.get("DataCaptureConfig") or {}).get("EnableCapture"):
        raise NotImplementedHere("DataCaptureConfig is not implemented on this machine.")
    variants: Sequence[Mapping[str, Any]] = config["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    for variant in variants:
        if names.count(variant["VariantName"]) > 1:
            raise ValidationException(f"Variant {variant['VariantName']} is given twice.")
        if not variant.get("ModelName"):
            raise NotImplementedHere(
                "Variants without a ModelName (inference components) are not implemented here."
            )
        model = known.find(variant["ModelName"]).given
        check_missing(variant)
        if variant.get("ServerlessConfig"):
            check_serverless(variant, model=model, config=config)
        else:
            check_instances(variant)
    check_async(config)
    if not any(variant.get("InitialVariantWeight", 1) > 0 for variant in variants):
        raise ValidationException("At least one variant must have a weight above 0.")


def check_missing(variant: Mapping[str, Any]) -> None:
    """Refuse by name what would be without effect. Raises NotImplementedHere."""
    routing = (variant.get("RoutingConfig") or {}).get("RoutingStrategy", "RANDOM")
    found = {
        "InstancePools": variant.get("InstancePools"),
        "ManagedInstanceScaling": scaled(variant),
        f"RoutingStrategy {routing}": routing not in {"RANDOM", FEWEST},
    }
    for member, there in found.items():
        if there:
            raise NotImplementedHere(
                f"{member} of variant {variant['VariantName']} is not implemented on this machine."
            )


def scaled(variant: Mapping[str, Any]) -> bool:
    """Tell whether the platform is to choose the number of instances."""
    scaling: Mapping[str, Any] | None = variant.get("ManagedInstanceScaling")
    return scaling is not None and scaling.get("Status", "ENABLED") == "ENABLED"


def check_async(config: Mapping[str, Any]) -> None:
    """Results need a place, though botocore's model would do without. Raises ValidationException."""
    asynchronous: Mapping[str, Any] | None = config.get("AsyncInferenceConfig")
    if asynchronous and not asynchronous["OutputConfig"].get("S3OutputPath"):
        raise ValidationException("AsyncInferenceConfig.OutputConfig.S3OutputPath is required.")


def check_concurrency(serverless: Mapping[str, Any], *, name: str) -> None:
    """Of what may run at once, a part may always be warm. Raises ValidationException."""
    if (serverless.get("ProvisionedConcurrency") or 0) > serverless["MaxConcurrency"]:
        raise ValidationException(
            f"ProvisionedConcurrency of variant {name} must not exceed its MaxConcurrency."
        )


def check_instances(variant: Mapping[str, Any]) -> None:
    """A variant with instances says which and how many."""
    for member in ("InstanceType", "InitialInstanceCount"):
        if not variant.get(member):
            raise ValidationException(f"{member} is required for variant {variant['VariantName']}.")


def check_serverless(
    variant: Mapping[str, Any], *, model: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    """Refuse what serverless inference excludes (serverless-endpoints)."""
    name = variant["VariantName"]
    for member in INSTANCES:
        if variant.get(member):
            raise ValidationException(f"{member} is not valid for serverless variant {name}.")
    if len(models.containers(model)) > 1:
        raise ValidationException(
            f"Model {variant['ModelName']} of variant {name} has several containers; serverless "
            "inference does not support inference pipelines."
        )
    if any(each.get("ModelDataSource") for each in models.containers(model)):
        raise ValidationException(f"Serverless variant {name} does not support a ModelDataSource.")
    check_concurrency(variant["ServerlessConfig"], name=name)
    if variant["ServerlessConfig"]["MemorySizeInMB"] % 1024:
        raise ValidationException(f"MemorySizeInMB of variant {name} must be a multiple of 1024.")
    if len(config["ProductionVariants"]) > 1 or config.get("AsyncInferenceConfig"):
        raise ValidationException(
            f"Serverless variant {name} must be the only one, and its endpoint not asynchronous."
        )
    if model.get("VpcConfig") or model.get("EnableNetworkIsolation"):
        raise ValidationException(
            f"Serverless variant {name} supports neither VpcConfig nor network isolation."
        )


def plans(config: Mapping[str, Any], *, known: Records) -> list[Plan]:
    """Plan the variants. Raises ValidationException when a model is gone by now."""
    return [
        plan(variant, model=known.find(variant["ModelName"]).given) for variant in variants(config)
    ]


def variants(config: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the production variants of a configuration."""
    found: Sequence[Mapping[str, Any]] = config["ProductionVariants"]
    return found


def plan(variant: Mapping[str, Any], *, model: Mapping[str, Any]) -> Plan:
    """Plan one variant; a serverless one is one instance that can rest."""
    return Plan(
        name=variant["VariantName"],
        specs=models.specs(model, variant=variant),
        count=variant.get("InitialInstanceCount", 1),
        weight=float(variant.get("InitialVariantWeight", 1)),
        direct=models.direct(model),
        settings=variant,
    )
