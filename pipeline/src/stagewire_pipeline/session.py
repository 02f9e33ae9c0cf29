"""A boto3 session for AWS itself or for this machine's door: the environment decides, and only it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOPBACK = ("127.0.0.1", "::1", "localhost")
REGION = "us-east-1"


def loopback(url: str | None) -> bool:
    """Tell whether a URL is on this machine."""
    return bool(url) and urlsplit(url or "").hostname in LOOPBACK


def session(url: str | None, environ: Mapping[str, str]) -> boto3.Session:
    """Make a session with the caller's own credentials, or for this machine.

    Here no signature is checked, so no profile is read and no metadata service asked: real secrets
    have no business here, and a laptop would wait a second for the service's silence.
    """
    if not loopback(url):
        # boto3 itself reads AWS_DEFAULT_REGION only; the other SDKs and Lambda set AWS_REGION.
        return boto3.Session(region_name=environ.get("AWS_REGION") or None)
    return boto3.Session(
        aws_access_key_id=environ.get("AWS_ACCESS_KEY_ID") or "local",
        aws_secret_access_key=environ.get("AWS_SECRET_ACCESS_KEY") or "local",
        aws_session_token=environ.get("AWS_SESSION_TOKEN") or None,
        region_name=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or REGION,
    )


def config(url: str | None, *, read_seconds: int) -> Config:
    """Return how a client waits; a proxy cannot reach this machine."""
    if loopback(url):
        return Config(read_timeout=read_seconds, user_agent_extra="stagewire", proxies={})
    return Config(read_timeout=read_seconds, user_agent_extra="stagewire")
