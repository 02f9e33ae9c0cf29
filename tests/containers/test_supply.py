"""What an image is made of, told without the image's help."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

pytestmark = pytest.mark.containers

ROOT = Path(__file__).parents[2]


@pytest.mark.usefixtures("images")
def test_a_bill_of_materials_names_all_and_their_licences():
    """It is valid CycloneDX, and each distribution in it has a licence; the door's image has the most of them."""
    command = [sys.executable, ".ci/sbom.py", "local"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    bill = (ROOT / "build" / "local.cdx.json").read_text()
    licences = (ROOT / "build" / "local.licences.txt").read_text().splitlines()

    version = SchemaVersion.from_version(json.loads(bill)["specVersion"])
    assert JsonStrictValidator(version).validate_str(bill) is None
    assert {f"{each['name']} {each['version']}" for each in json.loads(bill)["components"]} == {
        line.partition(":")[0] for line in licences
    }
    assert len(licences) > 50
    assert [line for line in licences if "not stated" in line] == []
