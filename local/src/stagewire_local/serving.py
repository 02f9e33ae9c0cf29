"""Creates what the command line serves, through the same control plane as any caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagewire_local.variant import VARIANT

if TYPE_CHECKING:
    from stagewire_local.actions import Actions
    from stagewire_local.bundle import Bundle
    from stagewire_local.driver import ContainerSpec

INSTANCE_TYPE = "ml.m5.large"  # two cpus and 8 GiB: the smallest that AWS's examples deploy to


async def serve(actions: Actions, bundle: Bundle) -> None:
    """Create model, endpoint configuration and endpoint, all of the bundle's name.

    Raises ControlFault.
    """
    name = bundle.name
    found = [container(spec) for spec in bundle.specs]
    shape = {"PrimaryContainer": found[0]} if len(found) == 1 else {"Containers": found}
    variant = {
        "VariantName": VARIANT,
        "ModelName": name,
        "InstanceType": INSTANCE_TYPE,
        "InitialInstanceCount": 1,
    }
    await actions.call("CreateModel", {"ModelName": name, **shape})
    await actions.call(
        "CreateEndpointConfig", {"EndpointConfigName": name, "ProductionVariants": [variant]}
    )
    await actions.call("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": name})


def container(spec: ContainerSpec) -> dict[str, Any]:
    """Write a ContainerDefinition; model data is a file here, which only this way in allows."""
    where = {} if spec.model_data is None else {"ModelDataUrl": spec.model_data.as_uri()}
    return {"Image": spec.image, "Environment": dict(spec.environment), **where}
