"""The platform's numbers in one place, each with its source; a test may set smaller ones."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024
# Of every message of an error, so nothing that a door could set: botocore sagemaker-runtime, shape
# Message, max 2048.
MESSAGE_CHARS = 2048


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Sizes in bytes and times in seconds; docs/fidelity.md says which of them are assumed."""

    # "payload sizes up to 25 MB" (deploy-model-options, hosting-faqs); the API reference's
    # older 6,291,456 is smaller, so what passes there passes here.
    body_bytes: int = 25 * MIB
    # The maximum of 5 MB in AWS's message for it (inference-pipeline-troubleshoot) is taken as
    # binary, because the API once allowed exactly 5,242,880 bytes; assumed.
    hop_bytes: int = 5 * MIB
    # A container must answer within 60 s (your-algorithms-inference-code). Counted for each
    # container, as the platform's message names the one that was waited for; assumed.
    reply_seconds: float = 60.0
    ping_seconds: float = 2.0  # "timeout 2 s per ping" (your-algorithms-inference-code)
    start_seconds: float = 480.0  # 8 minutes of not passing fail the launch (same page)
    stop_seconds: float = 30.0  # between SIGTERM and SIGKILL (same page)
    # The platform's period is not documented; 5 s keeps a log readable, and three misses in a row
    # do not restart a container for one slow collection of garbage.
    watch_seconds: float = 5.0
    watch_misses: int = 3
    # A container that dies at once again and again is restarted ever later, at most this late.
    backoff_seconds: float = 10.0
    attributes_chars: int = 1024  # botocore sagemaker-runtime: CustomAttributesHeader, max 1024
    # 8 minutes for a streamed answer (your-algorithms-inference-code).
    stream_seconds: float = 480.0
    # Asynchronous: 1 GB each way (async-inference), binary assumed; inline bodies by botocore's
    # shape, and responses in notifications by IncludeInferenceResponseIn ("128 KB", binary assumed).
    async_bytes: int = 1024 * MIB
    inline_bytes: int = 128_000
    notice_bytes: int = 128 * 1024
    serverless_bytes: int = 4 * MIB  # each way (serverless-endpoints); binary assumed
    # How long a request waits for a cold start; the platform's own number is not documented, and
    # it would be over after the 60 s of an invocation anyhow.
    cold_seconds: float = 60.0
    # Without requests a serverless endpoint is scaled to zero, "after a period" that nobody
    # documents; 5 minutes keep a notebook's cells warm.
    idle_seconds: float = 300.0
