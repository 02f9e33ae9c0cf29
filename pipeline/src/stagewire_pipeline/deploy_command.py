"""The commands that work on AWS, or on SageMaker on this machine: push, deploy, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console

from stagewire_pipeline import options, show_deploy
from stagewire_pipeline.deployment import INSTANCE_TYPE

if TYPE_CHECKING:
    from pathlib import Path

    from stagewire_pipeline.apply import Aws
    from stagewire_pipeline.making import Maker

IMAGES = click.option(
    "--image",
    "images",
    multiple=True,
    callback=options.pairs,
    metavar="STAGE=NAME",
    help="A stage's image; the pushed one, or stagewire/STAGE:latest, unless given.",
)
CLIENT = click.option(
    "--client",
    "client",
    type=click.Choice(["sagemaker", "boto3"]),
    help="The SageMaker SDK's PipelineModel, or plain boto3; the SDK where it is installed.",
)


@click.command()
@click.option("--name", default="stagewire", show_default=True, help="The endpoint's.")
@options.OUT
@click.option(
    "--instance-type",
    default=INSTANCE_TYPE,
    show_default=True,
    help="What each instance is; every one runs all containers of the chain.",
)
@click.option(
    "--instance-count",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many instances serve the endpoint.",
)
@click.option("--bucket", help="For the artifacts; sagemaker-REGION-ACCOUNT unless given.")
@click.option("--role", metavar="ARN", help="What SageMaker acts as; the caller's unless given.")
@IMAGES
@CLIENT
@click.option("--update", is_flag=True, help="Turn a standing endpoint over to this content.")
@click.option("--wait/--no-wait", default=True, help="Until it is in service.")
@click.pass_context
def deploy(  # noqa: PLR0913 (click passes one argument an option)
    context: click.Context,
    *,
    name: str,
    out: Path,
    instance_type: str,
    instance_count: int,
    bucket: str | None,
    role: str | None,
    images: dict[str, str],
    client: str | None,
    update: bool,
    wait: bool,
) -> None:
    """Deploy the packaged pipeline as an endpoint, on AWS or here."""
    from stagewire_pipeline import deploying

    wish = deploying.Wish(
        name=name,
        out=out,
        role=role,
        bucket=bucket,
        images=images,
        instance_type=instance_type,
        instance_count=instance_count,
        update=update,
        wait=wait,
    )
    aws = connected(context)
    console = Console()
    with show_deploy.steps(console) as say:
        found = deploying.deploy(wish, aws, maker(client, aws), say)
    show_deploy.deployed(console, found, out)


@click.command()
@click.argument("name")
@options.OUT
@click.pass_context
def delete(context: click.Context, *, name: str, out: Path) -> None:
    """Delete what deploy made for the endpoint NAME, and nothing else."""
    from stagewire_pipeline import deleting

    with show_deploy.steps(Console()) as say:
        deleting.delete(name, out, connected(context), say)


@click.command()
@options.OUT
@IMAGES
@click.pass_context
def push(context: click.Context, *, out: Path, images: dict[str, str]) -> None:
    """Bring the stages' images to ECR, tagged by their content."""
    from stagewire_pipeline import preflight
    from stagewire_pipeline import push as pushing

    preflight.images(images)
    with show_deploy.steps(Console()) as say:
        pushing.push(out, images, connected(context), pushing.Engine(context.obj), say)


def connected(context: click.Context) -> Aws:
    """Return the account that the environment names."""
    from stagewire_pipeline.apply import Aws

    return Aws(context.obj)


def maker(client: str | None, aws: Aws) -> Maker:
    """Choose what makes the endpoint.

    Raises:
        DeployError: the SDK was asked for and is not installed.

    """
    from stagewire_pipeline import sdk
    from stagewire_pipeline.apply import Plain

    wanted = client or ("sagemaker" if sdk.installed() else "boto3")
    return sdk.Sdk(aws) if wanted == "sagemaker" else Plain(aws)
