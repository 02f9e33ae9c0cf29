from __future__ import annotations

import json
import pathlib

import pytest

from stagewire_pipeline.apply import Target
from stagewire_pipeline.deployment import Resource
from stagewire_pipeline.errors import DeployError
from stagewire_pipeline.ledger import Entry, Ledger

BUCKET, MODEL = Resource("bucket", "artifacts"), Resource("model", "abalone-1")
ENTRY = Entry("abalone", Target("123456789012", "us-east-1"), "1", "1", "artifacts", (BUCKET,))


class Watched(type(pathlib.Path())):
    """A path that keeps what stood in each file that took its name."""

    states: list[list[str]]

    def replace(self, target):
        """Note what a kill right after this step would leave."""
        found = json.loads(self.read_text())["deployments"]
        target.states.append([made["name"] for each in found for made in each["made"]])
        return super().replace(target)


@pytest.fixture
def path(tmp_path):
    """Where the record is."""
    found = Watched(tmp_path / "deploy.json")
    found.states = []
    return found


def test_a_kill_between_two_writes_loses_nothing(path):
    """Each file that ever stood names all that was made until then."""
    ledger = Ledger(path)

    ledger.put(ENTRY)
    ledger.put(ENTRY.having((BUCKET, MODEL)))

    assert path.states == [["artifacts"], ["artifacts", "abalone-1"]]
    assert Ledger(path).entries == ledger.entries == [ENTRY.having((BUCKET, MODEL))]


def test_an_entry_that_made_nothing_is_forgotten(path):
    """And only that one."""
    other = Entry("other", ENTRY.target, "1", "1", "artifacts", (MODEL,))
    ledger = Ledger(path)
    ledger.put(ENTRY)
    ledger.put(other)

    ledger.put(ENTRY.having(()))

    assert Ledger(path).entries == [other]


@pytest.mark.parametrize(
    "written", ['{"format": 2, "deployments": []}', '{"deployments": []}', "["]
)
def test_a_record_of_another_format_is_not_overwritten(written, path):
    """A newer program may have made things that this one does not know."""
    path.write_text(written)

    with pytest.raises(DeployError, match=r"deploy\.json cannot be read as a record"):
        Ledger(path)
