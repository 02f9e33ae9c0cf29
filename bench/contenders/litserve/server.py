"""A LitServe API a stage, JSON in and out as its documentation has it; the answer is the next request."""

import os
from typing import Any

import litserve
import work

MAKE = {"featurizer": work.Featurizer, "predictor": work.Predictor}
# What the answer is called: the next stage takes "input".
NAMES = {"featurizer": "input", "predictor": "output"}


class Stage(litserve.LitAPI):
    """One stage."""

    def setup(self, device: str) -> None:  # noqa: ARG002 (LitServe's interface)
        """Load the model, in the worker's process."""
        self.work = MAKE[os.environ["STAGE"]]()

    def decode_request(self, request: dict[str, Any]) -> list[Any]:
        """Take the rows out."""
        return request["input"]

    def predict(self, x: list[Any]) -> Any:
        """Work."""
        return self.work(x)

    def encode_response(self, output: Any) -> dict[str, Any]:
        """Put the answer in."""
        return {NAMES[os.environ["STAGE"]]: output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Stage(api_path="/invocations"), accelerator="cpu", timeout=60)
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), generate_client_file=False)
