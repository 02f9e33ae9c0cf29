"""SageMaker on this machine: hosting rules and the runtime API in front of real containers."""
