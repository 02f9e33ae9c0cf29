"""The one file that talks to SageMaker Runtime, here or on AWS, by the unmodified boto3."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore import exceptions
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stagewire_pipeline.errors import (
    BusyError,
    EndpointError,
    Refusal,
    RefusalError,
    TooLargeError,
)
from stagewire_pipeline.session import config, loopback, session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

# The platform gives a model 60 s; a shorter wait here would send the same rows again.
READ_SECONDS = 70
# What boto3 raises when nobody answers, or stops in the middle of an answer.
LOST = (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.IncompleteReadError)
# Throttled calls have status 400 or 429.
THROTTLED = frozenset({"Throttling", "ThrottlingException", "TooManyRequestsException"})
# How AWS words both limits, of a hop and of an answer, in a ModelError's message.
EXCEEDED = "exceeded the maximum limit"
URL_KEYS = ("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "AWS_ENDPOINT_URL")


@dataclass(frozen=True)
class Answer:
    """A body and its content type."""

    body: bytes
    content_type: str


class Endpoint:
    """A client of one endpoint; `url` None is AWS itself.

    With `threads` that many may use it at once, and they retry by themselves when it is busy.
    """

    def __init__(
        self, name: str, *, url: str | None, environ: Mapping[str, str], threads: int | None = None
    ) -> None:
        self.name = name
        self.url = url
        try:
            self.client = client(url, environ, threads=threads)
        except (BotoCoreError, ValueError) as error:
            raise EndpointError(f"{error}{self._hint()}") from error

    def invoke(self, body: bytes, *, content_type: str, accept: str | None = None) -> Answer:
        """Send rows, get predictions.

        Raises:
            RefusalError: a container refused them.
            TooLargeError: they are too many for one request.
            BusyError: the same call may succeed later.
            EndpointError: the call was refused, or nothing answers.

        """
        more: Any = {"Accept": accept} if accept else {}
        try:
            answer = self.client.invoke_endpoint(
                EndpointName=self.name, Body=body, ContentType=content_type, **more
            )
            return Answer(answer["Body"].read(), answer.get("ContentType", ""))
        except self.client.exceptions.ModelError as error:
            response: Mapping[str, Any] = error.response
            raise refused(response) from error
        except ClientError as error:
            response = error.response
            raise faulted(response) from error
        except LOST as error:
            raise BusyError(f"{error}{self._hint()}") from error
        except BotoCoreError as error:
            raise EndpointError(f"{error}{self._hint()}") from error

    def _hint(self) -> str:
        if loopback(self.url):
            return "; is it up? start it with: stagewire local up"
        return "" if self.url else " (AWS itself was asked; the door on this machine is --local)"


def address(
    given: str | None, *, environ: Mapping[str, str], port: int | None = None
) -> str | None:
    """Choose the URL: the option, else a door's port, else the environment, else AWS (None)."""
    if given:
        return given
    if port:
        return f"http://127.0.0.1:{port}"
    return next((environ[key] for key in URL_KEYS if environ.get(key)), None)


def client(
    url: str | None, environ: Mapping[str, str], *, threads: int | None = None
) -> SageMakerRuntimeClient:
    """Make a client of AWS or of this machine's door, for one thread or for `threads` of them."""
    settings = config(url, read_seconds=READ_SECONDS)
    if threads:
        once = Config(max_pool_connections=threads, retries={"total_max_attempts": 1})
        settings = settings.merge(once)
    return session(url, environ).client("sagemaker-runtime", endpoint_url=url, config=settings)


def refused(response: Mapping[str, Any]) -> EndpointError:
    """Tell what a ModelError means to a caller."""
    found = refusal(response)
    if found.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        return BusyError(str(RefusalError(found)))
    if found.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or EXCEEDED in found.message:
        return TooLargeError(str(RefusalError(found)))
    return RefusalError(found)


def faulted(response: Mapping[str, Any]) -> EndpointError:
    """Tell what an error of the platform itself means to a caller."""
    told, status = response.get("Error", {}), response["ResponseMetadata"]["HTTPStatusCode"]
    message = f"{told.get('Code')}: {told.get('Message')}"
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TooLargeError(message)
    busy = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return BusyError(message) if busy or told.get("Code") in THROTTLED else EndpointError(message)


def refusal(response: Mapping[str, Any]) -> Refusal:
    """Read a ModelError: a stage of ours explains itself, of others only the message is known."""
    message = str(response.get("Error", {}).get("Message", ""))
    status = int(response.get("OriginalStatusCode", 0))
    try:
        told = whole(response.get("OriginalMessage", ""))["error"]
        rows = tuple(told["rows"])
        count = int(told.get("bad_row_count", len(rows)))
        return Refusal(told["message"], status, told["stage"], rows, count)
    # Not ours.
    except (ValueError, KeyError, TypeError):
        return Refusal(message, status)


def whole(text: str) -> Any:
    """Read an error's JSON, of which the platform passes on 2,048 characters, to its last whole row.

    Raises:
        ValueError: it is none.

    """
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(text[: text.rfind("}") + 1] + "]}}")
