"""What people and platforms ask of a stage besides predictions: its metadata, metrics and documentation."""

from __future__ import annotations

from http import HTTPStatus
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from stagewire import __version__, described
from stagewire.errors import CallerError, MethodNotAllowed, NotFound, StageError
from stagewire.limits import MIB
from stagewire.metadata import describe
from stagewire.metrics import render
from stagewire.page import page
from stagewire.request import request_id as checked

if TYPE_CHECKING:
    from stagewire.service import Service


def build(service: Service) -> FastAPI:
    """Make the web app of a service; the front's two routes are documented here and answered there."""
    app = Web(
        title=f"Stagewire stage: {service.name}",
        version=__version__,
        description="One stage of a serial inference pipeline.",
        docs_url=None,  # below, for browsers that reach no network too
        redoc_url=None,
        generate_unique_id_function=attrgetter("name"),
    )
    app.service = service
    app.add_exception_handler(HTTPException, _shaped(service))
    app.add_exception_handler(Exception, _shaped(service))

    @app.get(
        "/metadata", summary="State, schemas, plan, batches, and what the artifact was made with"
    )
    async def metadata() -> dict[str, Any]:
        return describe(service)

    @app.get("/execution-parameters", summary="What batch transform should send")
    async def execution_parameters() -> dict[str, Any]:
        # SageMaker asks here in the container's own spelling (your-algorithms-batch-code), and takes
        # at most 100 MB in all at once.
        payload = max(1, min(100, service.settings.body_bytes // MIB))
        threads = service.settings.threads * service.settings.workers
        return {
            "MaxConcurrentTransforms": max(1, min(threads, 100 // payload)),
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": payload,
        }

    @app.get(
        "/metrics", summary="Counts and times, for Prometheus", response_class=PlainTextResponse
    )
    async def metrics() -> Response:
        return Response(
            render(service.metrics, service.name, service.worker),
            media_type="text/plain; version=0.0.4",
        )

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(page(app.openapi()))

    _document(app, service)
    return app


class Web(FastAPI):
    """FastAPI, and what it cannot know of the front's two routes."""

    service: Service

    def openapi(self) -> dict[str, Any]:
        """Return the document as of now: a stage's columns are known once it is loaded."""
        self.openapi_schema = None
        found = super().openapi()
        stage = self.service.stage
        paths = found["paths"]
        paths["/ping"]["get"]["responses"] = described.ping()
        paths["/invocations"]["post"] |= described.invocations(stage.input if stage else None)
        found["components"] = {"schemas": {"Error": described.ERROR}}
        return found


def _shaped(service: Service) -> Any:
    async def handler(request: Request, error: Exception) -> JSONResponse:
        known = error if isinstance(error, HTTPException) else HTTPException(500)
        found = _error(request, known.status_code)
        given = checked(request.headers.get("x-request-id", ""))
        shape = found.as_json(stage=service.name, request_id=given)
        # With Starlette's own headers: a 405 must say what is allowed (RFC 9110 §15.5.6).
        headers = {**(known.headers or {}), "x-request-id": given}
        return JSONResponse(shape, status_code=found.status, headers=headers)

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
    """Add the front's routes, so that `/docs` shows and can try them."""

    @app.get("/ping", summary="Ready or not")
    async def ping() -> Response:  # answered by the front
        return Response(status_code=200 if service.stage else 503)

    @app.post("/invocations", summary="Rows in, features or predictions out")
    async def invocations() -> Response:  # answered by the front
        return Response(status_code=503)
