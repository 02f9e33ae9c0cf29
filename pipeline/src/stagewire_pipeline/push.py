"""The stages' images brought to ECR, each under a tag that is its content's."""

from __future__ import annotations

import base64
import json
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from stagewire_pipeline import pushed
from stagewire_pipeline.apply import explained
from stagewire_pipeline.errors import ImageError
from stagewire_pipeline.layout import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from stagewire_pipeline.apply import Aws

DOCKER = "docker"
# 48 bits of an image's digest, as Docker itself shows it.
TAG_LETTERS = 12
# The media types of Docker's image manifests, version 2.
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"


@dataclass(frozen=True)
class Engine:
    """Docker's own program, which knows contexts, credentials and proxies."""

    environ: Mapping[str, str]
    program: str = DOCKER

    def run(self, *arguments: str, said: str = "") -> str:
        """Run one command, return its output.

        Raises:
            ImageError: the program is not there, or it failed.

        """
        try:
            done = subprocess.run(
                [self.program, *arguments],
                env=dict(self.environ),
                input=said,
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise ImageError(f"{self.program} cannot be run: {error.strerror}") from None
        if done.returncode:
            raise ImageError(f"docker {arguments[0]}: {done.stderr.strip() or done.returncode}")
        return done.stdout.strip()

    def follow(self, *arguments: str, say: Callable[[str], None]) -> None:
        """Run one command, saying each of its lines.

        Raises:
            ImageError: it failed; has its last line.

        """
        last = ""
        with subprocess.Popen(
            [self.program, *arguments],
            env=dict(self.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as child:
            for line in child.stdout or ():
                last = line.strip()
                say(last)
        if child.returncode:
            raise ImageError(f"docker {arguments[0]}: {last}")


def push(
    out: Path, images: Mapping[str, str], aws: Aws, engine: Engine, say: Callable[[str], None]
) -> dict[str, str]:
    """Push local images to the account's registry; return and record their URIs by stage.

    `images` are local names by stage, `stagewire/STAGE:latest` where none is given. This machine's
    registry holds no layers: it is told the image's id, by which the door finds it in the engine.

    Raises:
        ImageError: no engine, no such image, or the registry refuses it.
        DeployError: AWS refuses.

    """
    target, client = aws.target(), aws.client("ecr")
    local = {
        stage: images.get(stage) or f"{pushed.REPOSITORY.format(stage=stage)}:latest"
        for stage in STAGES
    }
    # An image that is not there is told before any is sent.
    found = {stage: identity(engine, name) for stage, name in local.items()}
    places = {stage: repository(client, stage, say) for stage in STAGES}
    if not aws.here:
        login(client, engine, places[STAGES[0]])
    uris: dict[str, str] = {}
    for stage, place in places.items():
        # The content's own name is what is deployed; the other one is for people and notebooks.
        tags = (found[stage].removeprefix("sha256:")[:TAG_LETTERS], "latest")
        if aws.here:
            enter(client, stage, found[stage], tags)
        else:
            names = [f"{place}:{tag}" for tag in tags]
            send(engine, local[stage], names, partial(say_of, say, stage))
        uris[stage] = f"{place}:{tags[0]}"
        say(f"{stage}: {uris[stage]}")
    pushed.write(out, target, uris)
    return uris


def identity(engine: Engine, local: str) -> str:
    """Return an image's id, which is its content's digest."""
    found: list[dict[str, Any]] = json.loads(engine.run("image", "inspect", local))
    return str(found[0]["Id"])


def send(engine: Engine, local: str, names: Sequence[str], say: Callable[[str], None]) -> None:
    """Push an image under each of its names."""
    for name in names:
        engine.run("tag", local, name)
        engine.follow("push", name, say=say)


def enter(client: Any, stage: str, identity: str, tags: Iterable[str]) -> None:
    """Enter an image into a registry without its layers: a manifest that names its id."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": identity},
        "layers": [],
    }
    for tag in tags:
        with (
            explained(f"entering {stage}:{tag} into ECR"),
            suppress(client.exceptions.ImageAlreadyExistsException),
        ):
            client.put_image(
                repositoryName=pushed.REPOSITORY.format(stage=stage),
                imageManifest=json.dumps(manifest),
                imageTag=tag,
            )


def repository(client: Any, stage: str, say: Callable[[str], None]) -> str:
    """Return the URI of a stage's repository, made if it is not there."""
    name = pushed.REPOSITORY.format(stage=stage)
    with explained(f"the repository {name}"):
        try:
            found = client.describe_repositories(repositoryNames=[name])["repositories"][0]
        except client.exceptions.RepositoryNotFoundException:
            say(f"creating the repository {name}")
            found = client.create_repository(repositoryName=name)["repository"]
    return str(found["repositoryUri"])


def login(client: Any, engine: Engine, uri: str) -> None:
    """Let the engine in, for the 12 hours that ECR's token lives."""
    with explained("logging in to ECR"):
        token = client.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    registry = uri.partition("/")[0]
    engine.run("login", "--username", user, "--password-stdin", registry, said=password)


def say_of(say: Callable[[str], None], stage: str, line: str) -> None:
    """Say whose a line is."""
    say(f"{stage}: {line}")
