"""How well a served model does on rows it has never seen, asked as any client would ask."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stagewire.codec.cells import quote
from stagewire.training import TrainingError, read_csv
from stagewire_pipeline.errors import DataError, EndpointError

if TYPE_CHECKING:
    from pathlib import Path

    from stagewire.training import Channel
    from stagewire_pipeline.endpoint import Endpoint

# Far below the platform's 5 MB between two containers for rows of a few hundred columns.
BATCH = 500
PREDICTION = "prediction"
CSV = "text/csv; header=present"


@dataclass(frozen=True)
class Scored:
    """Labels beside predictions, as text, in the order of the file.

    `first` is the first row as a client sends it: CSV without label, header and line end.
    """

    label: str
    first: str
    truth: tuple[str, ...]
    predicted: tuple[str, ...]
    task: str

    @property
    def metric(self) -> str:
        """What `value` measures."""
        return "accuracy" if self.task == "classification" else "RMSE"

    @property
    def value(self) -> float:
        """The share of right labels, or the root of the mean squared error, in the label's unit."""
        if self.task == "classification":
            pairs = zip(self.truth, self.predicted, strict=True)
            return sum(truth == predicted for truth, predicted in pairs) / len(self.truth)
        error = np.asarray(self.truth, np.float64) - np.asarray(self.predicted, np.float64)
        return float(np.sqrt(np.mean(error**2)))


def score(endpoint: Endpoint, path: Path, *, label: str, task: str) -> Scored:
    """Send a CSV's rows without their label, in batches, and keep both.

    Raises:
        DataError: the file cannot be read.
        EndpointError: an answer is no CSV with one prediction a row.

    """
    try:
        rows = read_csv(path)
    except TrainingError as error:
        raise DataError(str(error)) from None
    header, *lines = unlabelled(rows, label)
    predicted: list[str] = []
    for start in range(0, len(lines), BATCH):
        part = lines[start : start + BATCH]
        body = "\n".join((header, *part)).encode()
        answer = endpoint.invoke(body, content_type=CSV, accept="text/csv")
        predicted += predictions(answer.body, len(part))
    return Scored(label, lines[0], rows.cells(label), tuple(predicted), task)


def unlabelled(rows: Channel, label: str) -> list[str]:
    """Write the header and the rows as lines of CSV, without the label."""
    names = [name for name in rows.names if name != label]
    cells = zip(*(rows.cells(name) for name in names), strict=True)
    return [",".join(map(quote, line)) for line in (names, *cells)]


def predictions(body: bytes, count: int) -> list[str]:
    """Read the predictions out of an answer.

    Raises:
        EndpointError: the answer is not a CSV with as many.

    """
    rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    found = [row[PREDICTION] for row in rows if PREDICTION in row]
    if len(found) != count:
        raise EndpointError(f"{count} rows were sent and {len(found)} predictions came back")
    return found
