"""Models of the control plane: their rules, and the containers that they describe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagewire_local.driver import ContainerSpec, Form
from stagewire_local.faults import NotImplementedHere, ValidationException

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# "32 KB total" over all containers of the call (botocore, ContainerDefinition$Environment).
ENVIRONMENT_BYTES = 32 * 1024
# Members that would change what runs, and that this machine does not have.
MISSING = ("ModelPackageName", "AdditionalModelDataSources", "MultiModelConfig")


def containers(model: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return a model's containers in order."""
    primary = model.get("PrimaryContainer")
    return [primary] if primary else model.get("Containers") or []


def direct(model: Mapping[str, Any]) -> bool:
    """Tell whether callers name the container themselves."""
    return (model.get("InferenceExecutionConfig") or {}).get("Mode") == "Direct"


def check(model: Mapping[str, Any]) -> None:
    """Hold a CreateModel request to the rules that no shape says.

    Raises ValidationException, or NotImplementedHere for what this machine does not have.
    """
    if bool(model.get("PrimaryContainer")) == bool(model.get("Containers")):
        raise ValidationException(
            "Either PrimaryContainer or Containers must be given, and not both."
        )
    found = containers(model)
    for place, container in enumerate(found, 1):
        check_container(container, place=place)
    check_hostnames(found)
    check_environment(found)
    if model.get("InferenceExecutionConfig") and not model.get("Containers"):
        raise ValidationException(
            "InferenceExecutionConfig is only valid for a model with Containers."
        )


def check_container(container: Mapping[str, Any], *, place: int) -> None:
    """Check one container by itself."""
    for member in MISSING:
        if container.get(member):
            raise NotImplementedHere(
                f"{member} of container {place} is not implemented on this machine."
            )
    if container.get("Mode") == "MultiModel":
        raise NotImplementedHere(
            f"Mode MultiModel of container {place} is not implemented on this machine."
        )
    if not container.get("Image"):
        raise ValidationException(f"Container {place} has no Image.")
    if container.get("ModelDataUrl") and container.get("ModelDataSource"):
        raise ValidationException(f"Container {place} has both ModelDataUrl and ModelDataSource.")
    url(container)
    form(container)


def check_hostnames(found: Sequence[Mapping[str, Any]]) -> None:
    """All containers have a name of their own, or none has one."""
    names = [each["ContainerHostname"] for each in found if each.get("ContainerHostname")]
    if names and len(names) != len(found):
        raise ValidationException(
            "If one container has a ContainerHostname, all containers must have one."
        )
    for name in names:
        if names.count(name) > 1:
            raise ValidationException(f"ContainerHostname {name} is given twice.")


def check_environment(found: Sequence[Mapping[str, Any]]) -> None:
    """The environments of all containers together have a maximum."""
    size = sum(
        len(key.encode()) + len(value.encode())
        for each in found
        for key, value in (each.get("Environment") or {}).items()
    )
    if size > ENVIRONMENT_BYTES:
        raise ValidationException(
            f"The environment variables of all containers have {size} bytes, which exceeds the "
            f"maximum of {ENVIRONMENT_BYTES} bytes."
        )


def url(container: Mapping[str, Any]) -> str | None:
    """Return where a container's model data is.

    Raises ValidationException, or NotImplementedHere for what this machine does not have.
    """
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    if source is None:
        plain: str | None = container.get("ModelDataUrl") or None
        if plain is not None and plain.startswith("https:"):
            raise NotImplementedHere("A ModelDataUrl of https is not implemented on this machine.")
        return plain
    for member in ("ManifestS3Uri", "HubAccessConfig"):
        if source.get(member):
            raise NotImplementedHere(f"{member} is not implemented on this machine.")
    found: str = source["S3Uri"]
    if found.startswith("https:"):
        raise NotImplementedHere("An S3Uri of https is not implemented on this machine.")
    if source["S3DataType"] == "S3Prefix" and not found.endswith("/"):
        raise ValidationException(
            f"S3Uri {found} is an S3Prefix and must end with a forward slash (/)."
        )
    return found


def form(container: Mapping[str, Any]) -> Form:
    """Tell what is at a container's URL. Raises NotImplementedHere for a prefix of archives."""
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    if source is None:
        return Form.ARCHIVE
    found = FORMS.get((source["S3DataType"], source["CompressionType"]))
    if found is None:
        raise NotImplementedHere(
            "ModelDataSource with S3DataType S3Prefix and CompressionType Gzip is not implemented "
            "on this machine."
        )
    return found


def specs(
    model: Mapping[str, Any], *, variant: Mapping[str, Any] | None = None
) -> list[ContainerSpec]:
    """Make what a driver starts of a model's containers, for a variant of such a size."""
    variant = variant or {}
    found = containers(model)
    alone = bool(model.get("PrimaryContainer")) or len(found) == 1
    return [
        ContainerSpec(
            # A model of one container has no hostnames; the platform calls it so in its messages.
            hostname="primary" if alone else each.get("ContainerHostname") or f"container-{place}",
            image=each["Image"],
            environment=dict(each.get("Environment") or {}),
            model_url=url(each),
            model_form=form(each),
            instance_type=variant.get("InstanceType"),
            memory_mb=(variant.get("ServerlessConfig") or {}).get("MemorySizeInMB"),
            start_seconds=variant.get("ContainerStartupHealthCheckTimeoutInSeconds"),
        )
        for place, each in enumerate(found, 1)
    ]


FORMS = {
    ("S3Object", "Gzip"): Form.ARCHIVE,
    ("S3Object", "None"): Form.FILE,
    ("S3Prefix", "None"): Form.PREFIX,
}
