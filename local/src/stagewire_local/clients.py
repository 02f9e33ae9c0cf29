"""The box's own AWS clients: its parts reach S3 and SNS as any caller does, through the door."""

from __future__ import annotations

from threading import Lock
from typing import Any


class Clients:
    """boto3's clients for one endpoint URL, made when they are first needed; threads may share."""

    def __init__(self, url: str, *, region: str) -> None:
        self._url = url
        self._region = region
        self._lock = Lock()
        self._made: dict[str, Any] = {}

    def of(self, service: str) -> Any:
        """Return the client of a service."""
        with self._lock:  # a session must not be used by two threads at once
            if service not in self._made:
                self._made[service] = self._make(service)
            return self._made[service]

    def close(self) -> None:
        """Close the connections."""
        for client in self._made.values():
            client.close()

    def _make(self, service: Any) -> Any:
        import boto3
        from botocore.config import Config

        # Keys of its own, so that no profile or role of the user's machine is ever looked for.
        session = boto3.Session("stagewire", "stagewire", region_name=self._region)
        return session.client(
            service,
            endpoint_url=self._url,
            config=Config(s3={"addressing_style": "path"}, proxies={}, max_pool_connections=32),
        )
