"""The one file that uses the SageMaker SDK, version 2: the last one with `PipelineModel`."""

from __future__ import annotations

import logging
import os
from importlib import metadata
from typing import TYPE_CHECKING, Any

from stagewire_pipeline import request
from stagewire_pipeline.apply import explained
from stagewire_pipeline.errors import DeployError

if TYPE_CHECKING:
    from stagewire_pipeline.apply import Aws
    from stagewire_pipeline.deployment import Container, Deployment

WANTED = "sagemaker>=2.257.7,<3"


def installed() -> bool:
    """Tell whether the SDK with `PipelineModel` is there, without importing it (2 s)."""
    try:
        return metadata.version("sagemaker").partition(".")[0] == "2"
    except metadata.PackageNotFoundError:
        return False


class Sdk:
    """Makes endpoints by `sagemaker.pipeline.PipelineModel`."""

    def __init__(self, aws: Aws) -> None:
        """Refuse to be made without the SDK.

        Raises:
            DeployError: it is not installed.

        """
        if not installed():
            raise DeployError(
                f"the SageMaker SDK is not installed here: install {WANTED} "
                "(or stagewire-pipeline[sagemaker]), or deploy with --client boto3"
            )
        self.aws = aws

    def config(self, deployment: Deployment, *, update: bool) -> str:
        """Name the endpoint configuration, which the SDK calls as the endpoint or as the model."""
        return deployment.version if update else deployment.name

    def make(self, deployment: Deployment, *, update: bool) -> None:
        """Create everything and come back before it stands: its own wait is blind for 30 s."""
        with explained(f"deploying {deployment.name} by the SageMaker SDK"):
            self._pipeline(deployment).deploy(
                deployment.instance_count,
                deployment.instance_type,
                endpoint_name=deployment.name,
                tags=request.tags(deployment),
                update_endpoint=update,
                wait=False,
            )

    def _pipeline(self, deployment: Deployment) -> Any:
        # Its notice that version 3 exists, which has no PipelineModel; and two lines on configuration.
        os.environ.setdefault("SAGEMAKER_SUPPRESS_V2_WARNING", "1")
        logging.getLogger("sagemaker.config").setLevel(logging.WARNING)
        from sagemaker.pipeline import (  # type: ignore[import-not-found, unused-ignore]  # an extra
            PipelineModel,  # pyright: ignore[reportUnknownVariableType]
        )
        from sagemaker.session import (  # type: ignore[import-not-found, unused-ignore]  # an extra
            Session,  # pyright: ignore[reportUnknownVariableType]
        )

        session: Any = Session(
            boto_session=self.aws.session,
            sagemaker_client=self.aws.client("sagemaker"),
            sagemaker_runtime_client=self.aws.client("sagemaker-runtime"),
            # Named, the SDK need not ask an STS whose address it has fixed.
            default_bucket=deployment.bucket,
        )
        models = [_model(each, deployment.role, session) for each in deployment.containers]
        return PipelineModel(
            models, deployment.role, name=deployment.version, sagemaker_session=session
        )


def _model(container: Container, role: str, session: Any) -> Any:
    """Make the SDK's Model of a container, with a hostname, which it has no argument for."""
    from sagemaker.model import (  # type: ignore[import-not-found, unused-ignore]  # an extra
        Model,  # pyright: ignore[reportUnknownVariableType]
    )

    class Named(Model):  # type: ignore[misc, unused-ignore]  # Any where the SDK is not installed
        """A Model whose container has a hostname; the SDK documents this method as the seam."""

        def prepare_container_def(self, *_: Any, **__: Any) -> dict[str, Any]:
            return request.container(container)

    return Named(container.image, container.model_data, role, sagemaker_session=session)
