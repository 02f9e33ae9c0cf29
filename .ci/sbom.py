"""Writes what an image is made of to build/: a CycloneDX bill of materials, and a list of licences."""
# ruff: noqa: INP001, T201 (a program, which prints what it did)

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

BUILD = Path("build")
PACKAGES = "/opt/venv/lib"


def bill(room: str) -> dict:
    """Let the tool read the image's own packages, taken out of it; it is not added to the image."""
    with tempfile.TemporaryDirectory() as folder:
        made = output("docker", "create", f"stagewire/{room}").strip()
        try:
            output("docker", "cp", f"{made}:{PACKAGES}", folder)
        finally:
            output("docker", "rm", made)
        packages = next(Path(folder).glob("lib/python3*/site-packages"))
        interpreter(Path(folder), packages)
        tool = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"]
        tool += ["--pyproject", f"{room}/pyproject.toml", "--of", "JSON", f"{folder}/python"]
        found = json.loads(output(*tool))
        for each in found["components"]:
            each.setdefault("licenses", loosely(each["name"], packages))
        return found


def interpreter(folder: Path, packages: Path) -> None:
    """Stand in for the image's Python, which runs only inside: the tool asks it for its path alone."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -S -c '{ASK}' {packages}\n")
    program.chmod(0o755)


# What cyclonedx-bom wants from an interpreter: the JSON list of where its packages are.
ASK = "import json, sys; json.dump(sys.argv[1:], sys.stdout)"


def loosely(name: str, packages: Path) -> list[dict]:
    """Read a licence that is stated in words of no list ("BSD"), which the tool passes over."""
    found = next(distributions(name=name, path=[str(packages)])).metadata.get("License")
    return [{"license": {"name": found}}] if found else []


def output(*command: str) -> str:
    """Run a command; returns what it wrote."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def licence(component: dict) -> str:
    """Read a component's licence; nothing stated is said as such."""
    found = [
        each.get("expression") or each["license"].get("id") or each["license"].get("name", "")
        for each in component.get("licenses", [])
    ]
    return (
        "; ".join(sorted({" ".join(each.split())[:60] for each in found if each})) or "not stated"
    )


def main(room: str) -> None:
    """Write both files of a room."""
    found = bill(room)
    BUILD.mkdir(exist_ok=True)
    (BUILD / f"{room}.cdx.json").write_text(json.dumps(found, indent=2) + "\n")
    rows = [f"{c['name']} {c.get('version', '')}: {licence(c)}" for c in found["components"]]
    path = BUILD / f"{room}.licences.txt"
    path.write_text("\n".join(sorted(rows, key=str.casefold)) + "\n")
    print(f"{room}: {len(rows)} components in {BUILD}/{room}.cdx.json, licences in {path}")


if __name__ == "__main__":
    main(sys.argv[1])
