"""The stages' images brought to ECR, each under a tag that is its content's."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from stagewire_pipeline import pushed
from stagewire_pipeline.apply import explained
from stagewire_pipeline.errors import ImageError
from stagewire_pipeline.layout import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from stagewire_pipeline.apply import Aws

DOCKER = "docker"
# 48 bits of an image's digest, as Docker itself shows it.
TAG_LETTERS = 12


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

    `images` are local names by stage, `stagewire/STAGE:latest` where none is given. On this machine
    there is no registry: the image gets the URI as a second name, by which the door finds it.

    Raises:
        ImageError: no engine, no such image, or the registry refuses it.
        DeployError: AWS refuses.

    """
    target = aws.target()
    client = aws.client("ecr")
    uris: dict[str, str] = {}
    for stage in STAGES:
        local = images.get(stage) or f"{pushed.REPOSITORY.format(stage=stage)}:latest"
        place = repository(client, stage, say)
        uri = f"{place}:{tag(engine, local)}"
        if not aws.here:
            login(client, engine, uri)
        # The content's own name is what is deployed; the other one is for people and notebooks.
        for name in (uri, f"{place}:latest"):
            engine.run("tag", local, name)
            if not aws.here:
                engine.follow("push", name, say=partial(_named, say, stage))
        say(f"{stage}: {uri}")
        uris[stage] = uri
    pushed.write(out, target, uris)
    return uris


def tag(engine: Engine, local: str) -> str:
    """Name an image's content."""
    found: list[dict[str, Any]] = json.loads(engine.run("image", "inspect", local))
    return str(found[0]["Id"]).removeprefix("sha256:")[:TAG_LETTERS]


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


def _named(say: Callable[[str], None], stage: str, line: str) -> None:
    say(f"{stage}: {line}")
