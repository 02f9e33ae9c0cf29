"""The errors of the SageMaker control plane, as a caller's SDK has to see them on the wire.

ControlFault
 |-- ValidationException            400  also for names that exist or do not, as on the platform
 |-- SerializationException         400  the body is not a JSON object
 |-- UnknownOperationException      404
 |-- NotImplementedHere             400  UnsupportedOperation: AWS has it, this machine does not
 `-- InternalServerException        500  the door itself failed
"""

from __future__ import annotations

import json
from typing import ClassVar


class ControlFault(Exception):
    """A request that the control plane answers with an error."""

    status: ClassVar[int] = 400
    kind: ClassVar[str]

    def body(self) -> bytes:
        """Write the body: SDKs read `__type`, and `message` in either spelling."""
        return json.dumps({"__type": self.kind, "message": str(self)}).encode()


class ValidationException(ControlFault):
    """The request breaks a rule, or names something that is taken or not there."""

    kind = "ValidationException"


class SerializationException(ControlFault):
    """The body is not a JSON object."""

    kind = "SerializationException"


class UnknownOperationException(ControlFault):
    """SageMaker has no operation of this name."""

    status = 404
    kind = "UnknownOperationException"


class NotImplementedHere(ControlFault):
    """SageMaker has it and this machine does not; a 4xx, because SDKs would repeat a 501."""

    kind = "UnsupportedOperation"


class InternalServerException(ControlFault):
    """The door itself failed."""

    status = 500
    kind = "InternalServerException"
