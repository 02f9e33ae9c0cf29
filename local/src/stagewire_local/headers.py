"""The headers of an invocation: what the caller may say, and what it is told.

Names: botocore, sagemaker-runtime 2017-05-13. The operations do not use the same ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stagewire_local.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagewire_local.asgi import Request

PREFIX = "X-Amzn-SageMaker-"
ATTRIBUTES = f"{PREFIX}Custom-Attributes"
INFERENCE_ID = f"{PREFIX}Inference-Id"
SESSION = f"{PREFIX}Session-Id"
NEW_SESSION = f"{PREFIX}New-Session-Id"
CLOSED_SESSION = f"{PREFIX}Closed-Session-Id"
VARIANT = "x-Amzn-Invoked-Production-Variant"

FRESH = "NEW_SESSION"  # instead of an id: the container is to begin a session
SESSION_ID = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
SESSION_CHARS = 256  # shape SessionIdOrNewSessionConstantHeader
PRINTABLE = re.compile(r"[!-~][ -~]{0,63}")  # shape InferenceId


@dataclass(frozen=True, kw_only=True)
class Names:
    """Where one operation has the members that all operations have."""

    content_type: str = "Content-Type"
    accept: str = "Accept"
    answer_type: str = "Content-Type"
    fresh: bool = True  # whether a session may begin with this operation


PLAIN = Names()
STREAM = Names(accept=f"{PREFIX}Accept", answer_type=f"{PREFIX}Content-Type", fresh=False)
ASYNC = Names(content_type=f"{PREFIX}Content-Type", accept=f"{PREFIX}Accept", fresh=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a caller said; `passed` are the headers that containers get verbatim."""

    content_type: str | None
    accept: str | None
    variant: str | None
    target: str | None
    session: str | None
    inference_id: str | None
    passed: Mapping[str, str] = field(default_factory=dict[str, str])


def options(request: Request, *, names: Names, most: int) -> Options:
    """Read and check the headers; texts have at most `most` characters. Raises ValidationError."""
    for name, why in TARGETS.items():
        if request.header(f"{PREFIX}{name}") is not None:
            raise ValidationError(why)
    session = request.header(SESSION)
    check_session(session, names=names)
    inference_id = request.header(INFERENCE_ID)
    if inference_id is not None and not PRINTABLE.fullmatch(inference_id):
        raise ValidationError(
            "InferenceId must be 1 to 64 printable ASCII characters and begin with no space."
        )
    attributes = opaque(request, ATTRIBUTES, most=most)
    passed = {ATTRIBUTES: attributes, SESSION: session, INFERENCE_ID: inference_id}
    return Options(
        content_type=opaque(request, names.content_type, most=most),
        accept=opaque(request, names.accept, most=most),
        variant=request.header(f"{PREFIX}Target-Variant"),
        target=request.header(f"{PREFIX}Target-Container-Hostname"),
        session=session,
        inference_id=inference_id,
        passed={name: value for name, value in passed.items() if value is not None},
    )


def opaque(request: Request, name: str, *, most: int) -> str | None:
    """Read a header that passes through: ASCII of limited length, by the API's model."""
    value = request.header(name)
    if value is not None and not (value.isascii() and len(value) <= most):
        raise ValidationError(f"{name} must be at most {most} ASCII characters.")
    return value


def check_session(session: str | None, *, names: Names) -> None:
    """Refuse what is no session's id. Raises ValidationError."""
    if session is None or (session == FRESH and names.fresh):
        return
    if session == FRESH:
        raise ValidationError(
            "A session begins with InvokeEndpoint; this operation can only go on with one."
        )
    if len(session) > SESSION_CHARS or not SESSION_ID.fullmatch(session):
        raise ValidationError(
            f"SessionId must be {FRESH} or letters, digits and inner hyphens, at most 256."
        )


def told(headers: Mapping[str, str], *, names: Names) -> dict[str, str | None]:
    """Name the headers of a container's answer, in lower case there, as the caller gets them."""
    return {
        names.answer_type: headers.get("content-type"),
        ATTRIBUTES: headers.get(ATTRIBUTES.lower()),
        # "SageMaker renames it" (stateful-sessions).
        NEW_SESSION: headers.get(SESSION.lower()),
        CLOSED_SESSION: headers.get(CLOSED_SESSION.lower()),
    }


TARGETS = {
    "Target-Model": "TargetModel is only valid for a multi-model endpoint.",
    "Inference-Component": "This endpoint has no inference components.",
    "Enable-Explanations": "EnableExplanations needs a ClarifyExplainerConfig, which no endpoint has here.",
}
