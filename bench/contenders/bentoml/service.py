"""A BentoML service a stage, JSON in and out as its documentation has it; the answer is the next request."""

import os
from typing import Any

import bentoml
import numpy as np
import work


@bentoml.service(name="featurizer")
class Featurizer:
    """Stage 1."""

    def __init__(self) -> None:
        self.work = work.Featurizer()

    @bentoml.api(route="/invocations")
    def invocations(self, input: list[Any]) -> dict[str, Any]:  # noqa: A002 (the key of the JSON)
        """Answer rows with their features."""
        return {"input": self.work(input).tolist()}


@bentoml.service(name="predictor")
class Predictor:
    """Stage 2."""

    def __init__(self) -> None:
        self.work = work.Predictor()

    @bentoml.api(route="/invocations")
    def invocations(self, input: np.ndarray) -> np.ndarray:  # noqa: A002 (the key of the JSON)
        """Answer features with predictions."""
        return self.work(input)


Stage = {"featurizer": Featurizer, "predictor": Predictor}[os.environ["STAGE"]]
