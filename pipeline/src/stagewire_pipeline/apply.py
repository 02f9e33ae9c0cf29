"""The one file that creates and deletes things by boto3, on AWS or on this machine."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from stagewire_pipeline import request
from stagewire_pipeline.deployment import parts
from stagewire_pipeline.errors import DeployError
from stagewire_pipeline.session import REGION, config, loopback, session

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    from stagewire_pipeline.deployment import Deployment, Resource

# botocore's own; no call here waits for a model.
READ_SECONDS = 60
# Seconds between two polls: AWS takes minutes and limits calls, this machine takes seconds.
ASK_SECONDS = {"aws": 5.0, "here": 0.25}
MOVING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
# How S3 and SageMaker say that there is no such thing.
ABSENT = ("404", "NoSuchKey", "NoSuchBucket", "NotFound", "ResourceNotFoundException")


@dataclass(frozen=True)
class State:
    """What DescribeEndpoint says; `config` is the configuration in force."""

    status: str
    reason: str = ""
    config: str = ""


@dataclass(frozen=True)
class Target:
    """Where things are made; `url` None is AWS itself."""

    account: str
    region: str
    url: str | None = None


class Aws:
    """The caller's account in one region, or SageMaker on this machine."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.url = environ.get("AWS_ENDPOINT_URL") or None
        self.here = loopback(self.url)
        self.pause = ASK_SECONDS["here" if self.here else "aws"]
        with explained("the environment"):
            self.session = session(self.url, environ)
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Return a service's client; its requests are dicts, which botocore itself validates."""
        if service not in self._clients:
            make: Any = self.session.client
            settings = config(self.url, read_seconds=READ_SECONDS)
            with explained(service):
                self._clients[service] = make(service, endpoint_url=self.url, config=settings)
        return self._clients[service]

    def target(self) -> Target:
        """Ask which account we are, which proves that there are credentials and a service to answer.

        Raises:
            DeployError: there are none, or nobody answers.

        """
        with explained("who am I (STS)"):
            account: str = self.client("sts").get_caller_identity()["Account"]
        return Target(account, self.session.region_name or REGION, self.url)

    def own_role(self) -> str | None:
        """Return the ARN of the role we act as, None when we are a user."""
        with explained("who am I (STS)"):
            arn: str = self.client("sts").get_caller_identity()["Arn"]
        if ":assumed-role/" not in arn:
            return None
        # The identity leaves the role's path out, which its ARN needs.
        with explained("the caller's role (IAM)"):
            role = self.client("iam").get_role(RoleName=arn.split("/")[1])["Role"]
            return str(role["Arn"])

    def exists(self, resource: Resource) -> bool:
        """Tell whether a thing is there.

        Raises:
            DeployError: AWS does not say.

        """
        service, verb, arguments = call("describe", resource)
        try:
            with explained(f"looking for {resource}"):
                getattr(self.client(service), verb)(**arguments)
        except DeployError as error:
            if absent(error.__cause__):
                return False
            raise
        return True

    def make_bucket(self, name: str) -> None:
        """Create a bucket in our region."""
        region = self.session.region_name or REGION
        place: Any = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        with explained(f"creating the bucket {name}"):
            # The oldest region is the one that must not be named.
            self.client("s3").create_bucket(Bucket=name, **(place if region != REGION else {}))

    def check_owner(self, bucket: str, target: Target) -> None:
        """Refuse a bucket of another account.

        Raises:
            DeployError: it is one, or we may not ask.

        """
        with explained(f"the bucket {bucket}, which should be account {target.account}'s"):
            self.client("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=target.account)

    def upload(self, path: Path, uri: str, sent: Callable[[int], None]) -> None:
        """Send a file to S3; `sent` hears the number of bytes of each part."""
        bucket, key = parts(uri)
        with explained(f"uploading {path} to {uri}"):
            self.client("s3").upload_file(str(path), bucket, key, Callback=sent)

    def delete(self, resource: Resource) -> bool:
        """Delete a thing, wait until it is gone; False when it was gone already.

        Raises:
            DeployError: AWS refuses.

        """
        service, verb, arguments = call("delete", resource)
        if not self.exists(resource):
            return False
        with explained(f"deleting {resource}"):
            getattr(self.client(service), verb)(**arguments)
        while resource.kind == "endpoint" and self.exists(resource):
            time.sleep(self.pause)
        return True

    def empty(self, bucket: str) -> bool:
        """Tell whether a bucket holds nothing."""
        with explained(f"listing {bucket}"):
            found = self.client("s3").list_objects_v2(Bucket=bucket, MaxKeys=1)
        return not found.get("KeyCount")

    def state(self, endpoint: str) -> State:
        """Ask an endpoint's state."""
        with explained(f"the state of {endpoint}"):
            told = self.client("sagemaker").describe_endpoint(EndpointName=endpoint)
        return State(
            told["EndpointStatus"],
            told.get("FailureReason", ""),
            told.get("EndpointConfigName", ""),
        )

    def states(self, endpoint: str) -> Iterator[State]:
        """Poll an endpoint until its state is final; yield every state."""
        while (state := self.state(endpoint)).status in MOVING:
            yield state
            time.sleep(self.pause)
        yield state


class Plain:
    """Makes endpoints by boto3's three calls."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws

    def config(self, deployment: Deployment, *, update: bool) -> str:  # noqa: ARG002 (the interface's)
        """Name the endpoint configuration that `make` makes."""
        return deployment.version

    def make(self, deployment: Deployment, *, update: bool) -> None:
        """Create model and configuration, then create the endpoint or turn it over to them."""
        client = self.aws.client("sagemaker")
        with explained(f"creating the model {deployment.version}"):
            client.create_model(**request.model(deployment))
        with explained(f"creating the endpoint configuration {deployment.version}"):
            client.create_endpoint_config(**request.config(deployment))
        if update:
            with explained(f"updating the endpoint {deployment.name}"):
                client.update_endpoint(**request.update(deployment))
        else:
            with explained(f"creating the endpoint {deployment.name}"):
                client.create_endpoint(**request.endpoint(deployment))


@contextmanager
def explained(doing: str) -> Generator[None]:
    """Turn what boto3 raises into a sentence; the cause stays attached.

    Raises:
        DeployError: AWS refused, or could not be asked.

    """
    try:
        yield
    except ClientError as error:
        told = error.response.get("Error", {})
        raise DeployError(f"{doing}: {told.get('Code')}: {told.get('Message')}") from error
    except (BotoCoreError, OSError, ValueError) as error:
        raise DeployError(f"{doing}: {error}") from error


def absent(error: BaseException | None) -> bool:
    """Tell whether AWS said that there is no such thing."""
    if not isinstance(error, ClientError):
        return False
    told = error.response.get("Error", {})
    if told.get("Code") in ABSENT:
        return True
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    # SageMaker has no class for it: a ValidationException, told apart by its words alone.
    return status == HTTPStatus.BAD_REQUEST and "could not find" in told.get("Message", "").lower()


def call(verb: str, resource: Resource) -> tuple[str, str, dict[str, str]]:
    """Return service, method and arguments that describe or delete a thing."""
    if resource.kind == "object":
        bucket, key = parts(resource.name)
        return "s3", f"{S3[verb]}_object", {"Bucket": bucket, "Key": key}
    if resource.kind == "bucket":
        return "s3", f"{S3[verb]}_bucket", {"Bucket": resource.name}
    argument = ARGUMENTS[resource.kind]
    return "sagemaker", f"{verb}_{resource.kind.replace('-', '_')}", {argument: resource.name}


S3: Final = {"describe": "head", "delete": "delete"}
ARGUMENTS: Final[Mapping[str, str]] = {
    "model": "ModelName",
    "endpoint-config": "EndpointConfigName",
    "endpoint": "EndpointName",
}
