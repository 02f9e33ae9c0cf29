"""Two custom runtimes with a custom endpoint each, the documented way to take another form than V2's."""

import work
from fastapi import Body, Response
from mlserver import MLModel
from mlserver.handlers import custom_handler


class Stage(MLModel):
    """A runtime that takes CSV and gives CSV on /invocations."""

    make: type

    async def load(self) -> bool:
        """Load the model."""
        self.work = self.make()
        return True


class Featurizer(Stage):
    """Stage 1."""

    make = work.Featurizer

    @custom_handler(rest_path="/invocations")
    async def invocations(self, payload: bytes = Body(media_type="text/csv")) -> Response:
        """Answer rows with their features."""
        return Response(work.write(self.work(work.read(payload))), media_type="text/csv")


class Predictor(Stage):
    """Stage 2."""

    make = work.Predictor

    @custom_handler(rest_path="/invocations")
    async def invocations(self, payload: bytes = Body(media_type="text/csv")) -> Response:
        """Answer features with predictions."""
        return Response(work.write(self.work(work.read(payload))), media_type="text/csv")
