"""Stages of a few lines, and their services without a socket."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from stagewire.app import build
from stagewire.front import Front
from stagewire.schema import schema
from stagewire.service import Service, State
from stagewire.settings import Settings
from stagewire.table import Column, Role, Table, objects
from stagewire.testing import stage_of

NUMBERS = schema([("length", "float64"), ("weight", "float64")])
MIXED = schema([("color", "string"), ("size", "float64")])


def double(table: Table, _model: Any) -> Table:
    """Predict twice the first feature, float32, as a regressor would."""
    values = np.asarray(table.matrix()[:, 0] * 2, dtype=np.float32)
    return Table((Column("prediction", values, Role.PREDICTION),), table.rows)


def classify(classes: tuple[Any, ...]):
    """Make a predict function that gives the first class to each row, with fixed probabilities."""

    def predict(table: Table, _model: Any) -> Table:
        labels = [classes[0]] * table.rows
        numeric = isinstance(classes[0], int)
        values = np.array(labels) if numeric else objects(labels)
        shares = np.array([0.75, 0.25], dtype=np.float32)
        columns = [Column("prediction", values, Role.PREDICTION)]
        for name, share in zip(classes, shares, strict=True):
            column = np.full(table.rows, share, dtype=np.float32)
            columns.append(Column(f"prediction_{name}", column, Role.PREDICTION))
        return Table(tuple(columns), table.rows)

    return predict


@pytest.fixture
def regressor():
    """A stage of two numbers that answers twice the first."""
    output = schema([("prediction", "float32")], task="regression")
    return stage_of(double, name="double", input=NUMBERS, output=output, inline_bytes=1 << 14)


@pytest.fixture
def classifier():
    """Make a classifier of some classes."""

    def make(*classes: Any):
        fields = [("prediction", "string" if isinstance(classes[0], str) else "float64")]
        fields += [(f"prediction_{name}", "float32") for name in classes]
        output = schema(fields, task="classification", classes=classes)
        return stage_of(classify(classes), input=NUMBERS, output=output)

    return make


@pytest.fixture
def featurizer():
    """Make a first stage: text and a number in, the text's length and the number out."""

    def features(table: Table, _model: Any) -> Table:
        lengths = np.array([float(len(text or "")) for text in table["color"].tolist()])
        return Table((Column("length", lengths), Column("weight", table["size"])), table.rows)

    def make(**rest: Any):
        return stage_of(features, name="first", input=MIXED, output=NUMBERS, **rest)

    return make


@pytest.fixture
def served():
    """Make a ready service of a stage, and a client that talks to its front in process."""
    services: list[Service] = []

    def make(stage: Any = None, *, ready: bool = True, **rest: Any):
        settings = Settings(**{"inline_bytes": 1 << 14, **rest})
        service = Service("double", settings)
        services.append(service)
        if ready:
            service.stage, service.state = stage, State.READY
            service.inline_bytes = min(settings.inline_bytes, stage.script.inline_bytes)
        transport = httpx.ASGITransport(Front(service, build), raise_app_exceptions=True)
        return service, httpx.AsyncClient(transport=transport, base_url="http://stage")

    yield make
    for service in services:
        service.close()


@pytest.fixture
def root_log():
    """Give logging back as it was to whoever runs next."""
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    yield root
    root.handlers[:], root.level = kept, level
    logging.captureWarnings(capture=False)


@pytest.fixture
def project() -> Path:
    """The top of the checkout."""
    return Path(__file__).parents[2]
