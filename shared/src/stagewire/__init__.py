"""Stagewire: what the two ends of a hop agree on, and the server of a stage."""

from __future__ import annotations

from stagewire.errors import ArtifactError, BadRows, CallerError, ConfigError, RowError, StageError
from stagewire.request import Origin, Policy, Request
from stagewire.schema import Field, Schema
from stagewire.settings import Settings
from stagewire.table import Column, Role, Table, from_frame, from_matrix

__version__ = "0.1.0"

__all__ = [
    "ArtifactError",
    "BadRows",
    "CallerError",
    "Column",
    "ConfigError",
    "Field",
    "Origin",
    "Policy",
    "Request",
    "Role",
    "RowError",
    "Schema",
    "Settings",
    "StageError",
    "Table",
    "from_frame",
    "from_matrix",
]
