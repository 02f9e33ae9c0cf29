"""What people and platforms ask of a stage besides predictions: its metadata, metrics and documentation."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from stagewire import __version__
from stagewire.codec import CODECS
from stagewire.errors import CallerError, MethodNotAllowed, NotFound, StageError
from stagewire.limits import MIB
from stagewire.metadata import describe
from stagewire.metrics import render

if TYPE_CHECKING:
    from stagewire.service import Service

_ERRORS = {
    400: "malformed",
    406: "not acceptable",
    413: "too large",
    415: "unsupported",
    422: "bad rows",
    503: "busy or not ready",
}


def build(service: Service) -> FastAPI:
    """Make the web app of a service; the front's two routes are documented here and answered there."""
    app = FastAPI(
        title=f"Stagewire stage: {service.name}",
        version=__version__,
        description="One stage of a serial inference pipeline.",
    )
    app.add_exception_handler(HTTPException, _shaped(service))
    app.add_exception_handler(Exception, _shaped(service))

    @app.get(
        "/metadata", summary="State, schemas, plan, batches, and what the artifact was made with"
    )
    async def metadata() -> dict[str, Any]:
        return describe(service)

    @app.get("/execution-parameters", summary="What batch transform should send")
    async def execution_parameters() -> dict[str, Any]:
        # SageMaker asks here in the container's own spelling (your-algorithms-batch-code).
        return {
            "MaxConcurrentTransforms": service.settings.threads,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": max(1, min(100, service.settings.body_bytes // MIB)),
        }

    @app.get("/metrics", summary="Counts and times, for Prometheus")
    async def metrics() -> Response:
        return Response(
            render(service.metrics, service.name, service.worker),
            media_type="text/plain; version=0.0.4",
        )

    _document(app, service)
    return app


def _shaped(service: Service) -> Any:
    async def handler(request: Request, error: Exception) -> JSONResponse:
        known = error if isinstance(error, HTTPException) else HTTPException(500)
        found = _error(request, known.status_code)
        shape = found.as_json(stage=service.name, request_id=uuid4().hex)
        # With Starlette's own headers: a 405 must say what is allowed (RFC 9110 §15.5.6).
        return JSONResponse(shape, status_code=found.status, headers=known.headers)

    return handler


def _error(request: Request, status: int) -> StageError:
    if status == HTTPStatus.NOT_FOUND:
        return NotFound(f"there is no {request.url.path}; see /docs")
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowed(f"{request.url.path} does not take {request.method}")
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return CallerError(f"{request.method} {request.url.path} was refused")
    return StageError("the server failed")


def _document(app: FastAPI, service: Service) -> None:
    """Add the front's routes to the schema, so that `/docs` shows and can try them."""
    content = {name: {"schema": {"type": "string"}} for name in CODECS}
    errors = {str(status): {"description": text} for status, text in _ERRORS.items()}
    body = {"required": True, "content": content}

    @app.get(
        "/ping", summary="Ready or not", responses={503: {"description": "loading, or refused"}}
    )
    async def ping() -> Response:  # answered by the front
        return Response(status_code=200 if service.stage else 503)

    @app.post(
        "/invocations",
        summary="Rows in, features or predictions out",
        openapi_extra={
            "requestBody": body,
            "responses": {"200": {"content": content, "description": "the answer"}, **errors},
        },
    )
    async def invocations() -> Response:  # answered by the front
        return Response(status_code=503)
