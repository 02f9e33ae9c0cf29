"""The messages that an asynchronous endpoint publishes, in the platform's shape.

Success: async-inference-check-predictions. Failure: seen in handlers that are deployed. Expiry and
`responseBody` in part assumed; docs/fidelity.md says which.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stagewire_local.async_config import ON_ERROR, ON_SUCCESS

if TYPE_CHECKING:
    from datetime import datetime

    from stagewire_local.async_ticket import Ticket

# Sent to each topic when an endpoint is made or changed (async-inference-create-endpoint, 2023).
TEST = json.dumps(
    {"eventVersion": "1.0", "eventSource": "aws:sagemaker", "eventName": "TestNotification"}
)


@dataclass(frozen=True, kw_only=True)
class Notices:
    """Writes the messages of one endpoint; responses above `limit` bytes are left out."""

    endpoint: str
    region: str
    limit: int

    def completed(
        self, ticket: Ticket, *, moment: datetime, content_type: str | None, response: bytes
    ) -> str:
        """Tell that the result is at the output location."""
        about = {"contentType": content_type, "outputLocation": ticket.output}
        more: dict[str, Any] = {"responseParameters": present(about)}
        if ON_SUCCESS in ticket.config.include and len(response) <= self.limit:
            content = base64.b64encode(response).decode()
            more["responseBody"] = {"content": content, "encoding": "BASE64"}
        return self._message(ticket, moment=moment, status="Completed", more=more)

    def failed(self, ticket: Ticket, *, moment: datetime, reason: str, response: bytes) -> str:
        """Tell why there is no result, and where the model's answer is."""
        more: dict[str, Any] = {"failureReason": reason}
        if ticket.failure is not None:
            more["responseParameters"] = {"failureLocation": ticket.failure}
        if ON_ERROR in ticket.config.include and len(response) <= self.limit:
            more["responseBody"] = {"message": response.decode(errors="replace")}
        return self._message(ticket, moment=moment, status="Failed", more=more)

    def expired(self, ticket: Ticket, *, moment: datetime) -> str:
        """Tell that no instance took the request within its time to live."""
        reason = f"ClientError: The request expired after {ticket.ttl} seconds in the queue."
        more = {"failureReason": reason}
        return self._message(ticket, moment=moment, status="Expired", more=more)

    def _message(
        self, ticket: Ticket, *, moment: datetime, status: str, more: dict[str, Any]
    ) -> str:
        asked = {
            "contentType": ticket.options.content_type,
            "accept": ticket.options.accept,
            "endpointName": self.endpoint,
            "inputLocation": ticket.location,
        }
        return json.dumps(
            {
                "awsRegion": self.region,
                "eventTime": stamp(moment),
                "receivedTime": stamp(ticket.received),
                "invocationStatus": status,
                "requestParameters": present(asked),
                **more,
                "inferenceId": ticket.id,
                "eventVersion": "1.0",
                "eventSource": "aws:sagemaker",
                "eventName": "InferenceResult",
            }
        )


def present(members: dict[str, str | None]) -> dict[str, str]:
    """Leave out what was not given."""
    return {name: value for name, value in members.items() if value is not None}


def stamp(moment: datetime) -> str:
    """Write a time as in the platform's example, "2022-01-25T22:46:00.608Z"."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
