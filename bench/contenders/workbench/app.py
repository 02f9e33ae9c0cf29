"""The FastAPI application of a Workbench image: DataFrames in and out, one stage per process."""

from __future__ import annotations

import importlib
import os

from fastapi import FastAPI, Request, Response

script = importlib.import_module(os.environ["STAGE"])
model = script.model_fn(os.environ["MODEL_DIR"])
app = FastAPI()


@app.get("/ping")
async def ping() -> Response:
    """Answer 200: the model is there."""
    return Response(status_code=200)


@app.post("/invocations")
async def invocations(request: Request) -> Response:
    """Parse, compute and write, as the four functions of the script say."""
    body = await request.body()
    frame = script.input_fn(body, request.headers.get("content-type"))
    result = script.predict_fn(frame, model)
    text, media_type = script.output_fn(result, request.headers.get("accept"))
    return Response(content=text, media_type=media_type)
