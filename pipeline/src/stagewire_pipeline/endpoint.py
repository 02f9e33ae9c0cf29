"""The one file that talks to SageMaker Runtime, here or on AWS, by the unmodified boto3."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from stagewire_pipeline.errors import EndpointError, Refusal, RefusalError
from stagewire_pipeline.session import config, loopback, session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

# The platform gives a model 60 s; a shorter wait here would send the same rows again.
READ_SECONDS = 70
URL_KEYS = ("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "AWS_ENDPOINT_URL")


@dataclass(frozen=True)
class Answer:
    """A body and its content type."""

    body: bytes
    content_type: str


class Endpoint:
    """A client of one endpoint; `url` None is AWS itself."""

    def __init__(self, name: str, *, url: str | None, environ: Mapping[str, str]) -> None:
        self.name = name
        self.url = url
        try:
            self.client = client(url, environ)
        except (BotoCoreError, ValueError) as error:
            raise EndpointError(str(error)) from error

    def invoke(self, body: bytes, *, content_type: str, accept: str | None = None) -> Answer:
        """Send rows, get predictions.

        Raises:
            RefusalError: a container refused them.
            EndpointError: the call was refused, or nothing answers.

        """
        wish: Any = {"Accept": accept} if accept else {}
        try:
            answer = self.client.invoke_endpoint(
                EndpointName=self.name, Body=body, ContentType=content_type, **wish
            )
            return Answer(answer["Body"].read(), answer.get("ContentType", ""))
        except self.client.exceptions.ModelError as error:
            response: Mapping[str, Any] = error.response
            raise RefusalError(refusal(response)) from error
        except ClientError as error:
            told = error.response.get("Error", {})
            raise EndpointError(f"{told.get('Code')}: {told.get('Message')}") from error
        except BotoCoreError as error:
            raise EndpointError(f"{error}{self._hint()}") from error

    def _hint(self) -> str:
        return "; is it up? start it with: stagewire local up" if loopback(self.url) else ""


def address(
    given: str | None, *, environ: Mapping[str, str], port: int | None = None
) -> str | None:
    """Choose the URL: the option, else a door's port, else the environment, else AWS (None)."""
    if given:
        return given
    if port:
        return f"http://127.0.0.1:{port}"
    return next((environ[key] for key in URL_KEYS if environ.get(key)), None)


def client(url: str | None, environ: Mapping[str, str]) -> SageMakerRuntimeClient:
    """Make a client of AWS or of this machine's door."""
    return session(url, environ).client(
        "sagemaker-runtime", endpoint_url=url, config=config(url, read_seconds=READ_SECONDS)
    )


def refusal(response: Mapping[str, Any]) -> Refusal:
    """Read a ModelError: a stage of ours explains itself, of others only the message is known."""
    message = str(response.get("Error", {}).get("Message", ""))
    status = int(response.get("OriginalStatusCode", 0))
    try:
        told = json.loads(response.get("OriginalMessage", ""))["error"]
        rows = tuple(told["rows"])
        count = int(told.get("bad_row_count", len(rows)))
        return Refusal(told["message"], status, told["stage"], rows, count)
    # Not ours, or cut off by the platform's limit on the message.
    except (ValueError, KeyError, TypeError):
        return Refusal(message, status)
