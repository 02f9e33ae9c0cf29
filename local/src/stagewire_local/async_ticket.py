"""One request in the queue of an asynchronous endpoint, and how it is read from the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from uuid import uuid4

from stagewire_local.errors import ValidationError
from stagewire_local.headers import PREFIX
from stagewire_local.storage import ObjectError, place

if TYPE_CHECKING:
    from datetime import datetime

    from stagewire_local.asgi import Request
    from stagewire_local.async_config import AsyncConfig
    from stagewire_local.headers import Options

# Shapes S3OutputPathExtension, FilenameHeader, RequestTTLSecondsHeader and
# InvocationTimeoutSecondsHeader of botocore's sagemaker-runtime.
EXTENSION = re.compile(r"(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]{1,512}")
FILENAME = re.compile(r"(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9_.-]{0,31}")
TTL = (60, 21600)
TIMEOUT = (1, 3600)
DEFAULT_TTL = 21600  # 6 hours
DEFAULT_TIMEOUT = 900  # 15 minutes


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A request that was accepted; its input is `body`, or the object at `location`."""

    id: str
    location: str | None
    body: bytes | None
    options: Options
    config: AsyncConfig
    received: datetime
    output: str
    failure: str | None
    ttl: int = DEFAULT_TTL
    timeout: int = DEFAULT_TIMEOUT

    def expired(self, moment: datetime) -> bool:
        """Tell whether it has been in the queue for longer than its time to live."""
        return (moment - self.received).total_seconds() > self.ttl


async def ticket(
    request: Request, *, options: Options, config: AsyncConfig, received: datetime, inline: int
) -> Ticket:
    """Read a request; a body in it has at most `inline` bytes. Raises ValidationError."""
    location = request.header(f"{PREFIX}InputLocation")
    body = await request.body(limit=inline)
    if (location is None) is not bool(body):
        raise ValidationError("Exactly one of InputLocation and Body must be given.")
    if location is not None:
        try:
            place(location)
        except ObjectError as error:
            raise ValidationError(str(error)) from error
    # Seen on the platform: an identifier that is not the InferenceId; so two requests with one
    # InferenceId do not overwrite each other's results.
    unique = str(uuid4())
    extension = matched(request, "S3OutputPathExtension", EXTENSION) or ""
    filename = matched(request, "Filename", FILENAME) or f"{unique}.out"
    error_name = f"{PurePosixPath(filename).stem}-error.out"
    return Ticket(
        id=options.inference_id or unique,
        location=location,
        body=body or None,
        options=options,
        config=config,
        received=received,
        output=joined(config.output, extension, filename),
        failure=joined(config.failure, extension, error_name) if config.failure else None,
        ttl=number(request, "RequestTTLSeconds", TTL, default=DEFAULT_TTL),
        timeout=number(request, "InvocationTimeoutSeconds", TIMEOUT, default=DEFAULT_TIMEOUT),
    )


def joined(root: str, *parts: str) -> str:
    """Join the parts of an object's location with single slashes."""
    return "/".join([root.rstrip("/"), *(part.strip("/") for part in parts if part.strip("/"))])


def matched(request: Request, name: str, pattern: re.Pattern[str]) -> str | None:
    """Read a header that must have a form. Raises ValidationError."""
    value = request.header(f"{PREFIX}{name}")
    if value is not None and not pattern.fullmatch(value):
        raise ValidationError(f"{name} is '{value}' and must match {pattern.pattern}")
    return value


def number(request: Request, name: str, span: tuple[int, int], *, default: int) -> int:
    """Read a header that is a whole number in a span. Raises ValidationError."""
    value = request.header(f"{PREFIX}{name}")
    if value is None:
        return default
    low, high = span
    # The longest number is 21600; longer digits need not be made an int.
    if not (value.isascii() and value.isdecimal() and low <= int(value[:9]) <= high):
        raise ValidationError(
            f"{name} is '{value}' and must be a whole number from {low} to {high}."
        )
    return int(value)
