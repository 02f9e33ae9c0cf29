"""The last lines that an endpoint's containers wrote, which say what a failure's reason does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagewire_pipeline.apply import absent, explained
from stagewire_pipeline.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagewire_pipeline.apply import Aws

# A traceback and what led to it.
LINES = 20
# One stream a container and instance: the newest of a small endpoint's.
STREAMS = 15


def tail(aws: Aws, endpoint: str, *, reason: str) -> dict[str, tuple[str, ...]]:
    """Return the last lines of the containers that a failure's reason names, else of all.

    Empty when there are no logs, or when we may not read them: a failure has been told already.
    """
    client = aws.client("logs")
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    try:
        with explained("reading the logs"):
            found = client.describe_log_streams(
                logGroupName=group, orderBy="LastEventTime", descending=True, limit=STREAMS
            )
            streams = blamed([each["logStreamName"] for each in found["logStreams"]], reason)
            return {name: lines(client, group, name) for name in streams}
    except DeployError as error:
        if absent(error.__cause__):
            return {}
        return {"logs": (str(error),)}


def blamed(streams: Iterable[str], reason: str) -> list[str]:
    """Choose the streams, VARIANT/INSTANCE/CONTAINER, whose container a reason names."""
    every = list(streams)
    return [name for name in every if name.rpartition("/")[2] in reason] or every


def lines(client: Any, group: str, stream: str) -> tuple[str, ...]:
    """Read the last lines of one stream."""
    told = client.get_log_events(
        logGroupName=group, logStreamName=stream, limit=LINES, startFromHead=False
    )
    return tuple(each["message"].rstrip("\n") for each in told["events"])
