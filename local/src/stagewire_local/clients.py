"""The box's own AWS clients: its parts reach S3 and SNS as any caller does, through the door."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

# Connections that a client keeps, and so as many requests of the box to itself at once.
MANY = 32
# botocore's session variables: (in a configuration file, in the environment, default, conversion).
OWN: dict[str, Any] = {
    "profile": (None, [], None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class Clients:
    """boto3's clients for one endpoint URL, made when they are first needed; threads may share.

    `threads` make the calls: what answers them must not need one of the threads that wait.
    """

    def __init__(self, url: str, *, region: str) -> None:
        self._url = url
        self._region = region
        self.threads = ThreadPoolExecutor(MANY, "stagewire-box")
        self._lock = Lock()
        self._made: dict[str, Any] = {}

    def of(self, service: str) -> Any:
        """Return the client of a service."""
        with self._lock:  # a session must not be used by two threads at once
            if service not in self._made:
                self._made[service] = self._make(service)
            return self._made[service]

    def close(self) -> None:
        """Close the connections, and let the threads go."""
        self.threads.shutdown(wait=False)
        for client in self._made.values():
            client.close()

    def _make(self, service: Any) -> Any:
        import boto3
        import botocore.session
        from botocore.config import Config

        # Nothing of the user's: a profile that is named in the environment may not even exist.
        own: Any = botocore.session.Session(session_vars=OWN)
        session = boto3.Session(
            "stagewire", "stagewire", region_name=self._region, botocore_session=own
        )
        return session.client(
            service,
            endpoint_url=self._url,
            config=Config(s3={"addressing_style": "path"}, proxies={}, max_pool_connections=MANY),
        )
