"""The errors of the SageMaker Runtime API, as a caller's SDK has to see them on the wire.

RuntimeFault
 |-- ValidationError                400  names something that is not there, or breaks a rule
 |    `-- BodyTooLargeError         413  reported as ValidationError
 |-- ThrottlingException            400  above a serverless endpoint's concurrency
 |-- UnknownOperationException      404
 |-- ModelError                     424  a container answered 4xx or 5xx, too late, or not at all
 |-- ModelNotReadyException         429  a serverless endpoint is still starting
 |-- InternalFailure                500  the door itself failed
 `-- ServiceUnavailable             503  no healthy instance

Statuses and members: botocore, sagemaker-runtime 2017-05-13.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from stagewire_local.limits import MESSAGE_CHARS

ACCOUNT = "123456789012"  # the account of AWS's own examples, and of moto
CLIENT = 4  # the hundreds of a status that blames the caller


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where an error came from, in the platform's terms: the words it puts into its messages."""

    endpoint: str
    region: str = "us-east-1"
    account: str = ACCOUNT

    @property
    def group(self) -> str:
        """The CloudWatch log group of the endpoint."""
        return f"/aws/sagemaker/Endpoints/{self.endpoint}"

    @property
    def arn(self) -> str:
        """The ARN that the platform calls LogStreamArn, though it names the log group."""
        return f"arn:aws:logs:{self.region}:{self.account}:log-group:{self.group}"

    @property
    def hint(self) -> str:
        """The sentence that ends each ModelError."""
        console = f"https://{self.region}.console.aws.amazon.com/cloudwatch/home"
        return (
            f"See {console}?region={self.region}#logEventViewer:group={quote(self.group)}"
            f" in account {self.account} for more information."
        )


class RuntimeFault(Exception):
    """A request that the runtime answers with an error of the platform's shape."""

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "InternalFailure"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def members(self) -> dict[str, str | int]:
        """Name the members of the JSON body."""
        return {"Message": self.message[:MESSAGE_CHARS]}

    def body(self) -> bytes:
        """Write the JSON body as bytes."""
        return json.dumps(self.members()).encode()


class ValidationError(RuntimeFault):
    """The request names something that is not there, or breaks a rule of the API."""

    status = 400
    kind = "ValidationError"


class BodyTooLargeError(ValidationError):
    """The request's body is larger than the runtime takes; the status is assumed."""

    status = 413


class ThrottlingException(RuntimeFault):
    """More requests at once than a serverless endpoint takes; every SDK tries again.

    Status: the API reference's page of common errors, and what callers of the platform report.
    """

    status = 400
    kind = "ThrottlingException"


class UnknownOperationException(RuntimeFault):
    """No operation of the runtime has this method and path."""

    status = 404
    kind = "UnknownOperationException"


class ModelNotReadyException(RuntimeFault):
    """The model is still being provisioned (serverless) or loaded (multi-model)."""

    status = 429
    kind = "ModelNotReadyException"


class InternalFailure(RuntimeFault):
    """The door itself failed."""

    status = 500
    kind = "InternalFailure"


class ServiceUnavailable(RuntimeFault):
    """No healthy instance could take the request; every SDK tries again."""

    status = 503
    kind = "ServiceUnavailable"


class ModelError(RuntimeFault):
    """A container answered 4xx or 5xx, too late, too much, or not at all."""

    status = 424
    kind = "ModelError"

    def __init__(
        self, message: str, *, origin: Origin, code: str, original: int, original_message: str
    ) -> None:
        super().__init__(message)
        self.origin = origin
        self.code = code
        self.original = original
        self.original_message = original_message

    def members(self) -> dict[str, str | int]:
        """Name the four members of the API model, and ErrorCode, which was seen on the wire."""
        return {
            "ErrorCode": self.code,
            "LogStreamArn": self.origin.arn,
            "Message": self.message[:MESSAGE_CHARS],
            "OriginalMessage": self.original_message[:MESSAGE_CHARS],
            "OriginalStatusCode": self.original,
        }

    @classmethod
    def received(cls, status: int, *, container: str, text: str, origin: Origin) -> ModelError:
        """Quote a container's answer; status 0 stands for no answer at all.

        The quoted text is shortened, so that the sentence with the log group survives the
        platform's maximum of 2048 characters.
        """
        side = "client" if status // 100 == CLIENT else "server"
        frame = f'Received {side} error ({status}) from {container} with message "'
        tail = f'". {origin.hint}'
        room = max(0, MESSAGE_CHARS - len(frame) - len(tail))
        return cls(
            f"{frame}{text[:room]}{tail}",
            origin=origin,
            code=f"{'CLIENT_ERROR' if side == 'client' else 'INTERNAL_FAILURE'}_FROM_MODEL",
            original=status,
            original_message=text,
        )

    @classmethod
    def oversize(cls, message: str, *, status: int, origin: Origin) -> ModelError:
        """Report a container's good answer that is larger than the next one may receive."""
        return cls(
            message,
            origin=origin,
            code="INTERNAL_FAILURE_FROM_MODEL",
            original=status,
            original_message=message,
        )
