"""What an EndpointConfig says of asynchronous inference, as the queue needs it.

Read from `Endpoint.settings["AsyncInferenceConfig"]`, which the control plane keeps as the API was
given it; an endpoint whose settings lack that key is not asynchronous.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# "If no value is provided, SageMaker chooses an optimal value" (botocore). Both servers that stages
# commonly have keep four workers busy on a laptop; a backlog then shows at once.
CONCURRENCY = 4
ON_SUCCESS = "SUCCESS_NOTIFICATION_TOPIC"
ON_ERROR = "ERROR_NOTIFICATION_TOPIC"


@dataclass(frozen=True, kw_only=True)
class AsyncConfig:
    """Where results go, who is told, and how many requests one instance gets at a time."""

    output: str
    failure: str | None = None
    success_topic: str | None = None
    error_topic: str | None = None
    include: frozenset[str] = frozenset()
    concurrency: int = CONCURRENCY

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> AsyncConfig | None:
        """Read the settings of an endpoint; None when it is not asynchronous."""
        config: Mapping[str, Any] | None = settings.get("AsyncInferenceConfig")
        if config is None:
            return None
        output: Mapping[str, Any] = config["OutputConfig"]
        told: Mapping[str, Any] = output.get("NotificationConfig") or {}
        client: Mapping[str, Any] = config.get("ClientConfig") or {}
        return cls(
            # Optional in botocore's model and required in practice: results need a place.
            output=output["S3OutputPath"],
            failure=output.get("S3FailurePath") or None,
            success_topic=told.get("SuccessTopic") or None,
            error_topic=told.get("ErrorTopic") or None,
            include=frozenset(told.get("IncludeInferenceResponseIn") or ()),
            concurrency=client.get("MaxConcurrentInvocationsPerInstance") or CONCURRENCY,
        )
