"""What the box's ECR says of an image, so that a URI that was pushed finds the image in the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stagewire_local.image import ECR

if TYPE_CHECKING:
    from stagewire_local.clients import Clients


class Pushed(Mapping[str, str]):
    """ECR URIs by tag or digest, and the engine's ids of their images; each look-up asks the box.

    No layers are ever moved: `stagewire push` enters a manifest, and its config is, as in every
    registry, the image's id.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def __getitem__(self, uri: str) -> str:
        """Return the id of an image. Raises KeyError where none was pushed; it blocks."""
        registry = ECR.match(uri)
        if registry is None:
            raise KeyError(uri)
        repository, image = split(uri[registry.end() :])
        client = self._clients.of("ecr")
        try:
            found = client.batch_get_image(repositoryName=repository, imageIds=[image])["images"]
            return str(json.loads(found[0]["imageManifest"])["config"]["digest"])
        except (client.exceptions.RepositoryNotFoundException, LookupError, ValueError, TypeError):
            # Not there, or a manifest of somebody else's making that names no config.
            raise KeyError(uri) from None

    def __iter__(self) -> Iterator[str]:
        """Walk the tagged URIs."""
        client = self._clients.of("ecr")
        for each in client.describe_repositories()["repositories"]:
            images = client.list_images(repositoryName=each["repositoryName"])["imageIds"]
            yield from (f"{each['repositoryUri']}:{image['imageTag']}" for image in images)

    def __len__(self) -> int:
        """Count them."""
        return sum(1 for _ in self)


def split(name: str) -> tuple[str, dict[str, Any]]:
    """Split REPOSITORY:TAG or REPOSITORY@DIGEST as Docker does: what has neither is `latest`."""
    repository, at, digest = name.partition("@")
    if at:
        return repository.partition(":")[0], {"imageDigest": digest}
    repository, _, tag = name.partition(":")
    return repository, {"imageTag": tag or "latest"}
