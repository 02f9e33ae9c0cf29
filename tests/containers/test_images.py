"""What is in an image, and what is not."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

pytestmark = pytest.mark.containers

ROOT = Path(__file__).parents[2]
ROOMS = ("featurizer", "predictor", "local")
# The door reaches stages by URL and entry point only, so its image has nothing of the wire.
MODULES = {
    "featurizer": ("stagewire", "featurizer"),
    "predictor": ("stagewire", "predictor"),
    "local": ("stagewire_local",),
}
WIRE = {"featurizer": {"stagewire"}, "predictor": {"stagewire"}, "local": set()}
LABEL = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"
EVERY = pytest.mark.parametrize("room", ROOMS)

INSTALLED = """
import importlib.metadata as m, json
print(json.dumps(sorted(d.metadata["Name"] for d in m.distributions())))
"""
IMPORTED = """
import importlib, json, pkgutil, sys
found, rooms = [], sys.argv[1:]
for name in rooms:
    package = importlib.import_module(name)
    for each in pkgutil.walk_packages(package.__path__, name + "."):
        if not each.name.endswith("__main__"):
            importlib.import_module(each.name)
            found.append(each.name)
others = {"featurizer", "predictor", "stagewire", "stagewire_local", "stagewire_pipeline", "pytest"}
if "stagewire_local" in rooms:  # the one room whose image talks to the AWS around it, and reads no rows
    others |= {"numpy", "pandas", "pyarrow", "fastapi"}
else:
    others.add("boto3")
print(json.dumps([len(found), sorted(n for n in others - {*rooms} if importlib.util.find_spec(n))]))
"""


SECTIONS = """
import json, pathlib, sysconfig
found = pathlib.Path(sysconfig.get_path("purelib")).glob("**/*.so*")
print(json.dumps([str(each) for each in found if any(each.read_bytes()[40:48])]))
"""


def asked(engine, image, code, *arguments):
    """Run a line of Python in an image, without a network; returns what it printed, read as JSON."""
    command = ["-c", code, *arguments]
    out = engine.containers.run(
        image, command, entrypoint="python", remove=True, network_mode="none", read_only=True
    )
    return json.loads(out.decode().splitlines()[-1])


def canonical(name):
    """Write a distribution's name as locks do."""
    return re.sub(r"[-_.]+", "-", name).lower()


@EVERY
def test_an_image_holds_its_rooms_lock_and_nothing_else(engine, images, room):
    """The distributions are the room, the wire where it is used, and what its lock names for Linux."""
    lock = (ROOT / room / "requirements.lock").read_text()
    lines = [line for line in lock.splitlines() if "==" in line and line[0].isalpha()]
    foreign = ("'darwin'", "'emscripten'", "'win32'")
    wanted = {
        canonical(line.split("==")[0])
        for line in lines
        if not any(f"== {system}" in line for system in foreign)
    }

    found = {canonical(name) for name in asked(engine, images[room], INSTALLED)}

    assert found - base(engine) == wanted | WIRE[room] | {f"stagewire-{room}"}


def base(engine):
    """Name what the base image's own Python brings along, unseen by the environment of the image."""
    out = engine.containers.run(
        "stagewire/local", ["-Ic", INSTALLED], entrypoint="/opt/venv/bin/python", remove=True
    )
    return {canonical(n) for n in json.loads(out)} & {"pip", "setuptools", "wheel"}


@EVERY
def test_every_module_of_the_room_imports_and_no_other_room_is_there(engine, images, room):
    """What an image lacks shows here, and so does what it has too much."""
    count, others = asked(engine, images[room], IMPORTED, *MODULES[room])

    assert count > 30
    assert others == []


@EVERY
def test_nothing_that_builds_is_left(engine, images, room):
    """No compiler, no cache of pip, no sources of the build, and of the libraries nothing for either or for tests."""
    look = "ls -d /build /backend /wheels ~/.cache /var/cache/pip /tmp/* 2>/dev/null; which gcc cc g++ make; true; "
    look += "find /opt/venv -name '*.h' -o -name '*.a' -o -name '*.pyx' -o -name tests"

    out = engine.containers.run(images[room], ["-c", look], entrypoint="sh", remove=True)

    assert out == b""


@EVERY
def test_no_library_carries_what_only_a_debugger_reads(engine, images, room):
    """Symbols and lines of sources are up to nine tenths of one, and no loader opens the table that leads to them."""
    assert asked(engine, images[room], SECTIONS) == []


@EVERY
def test_an_image_says_what_it_is(engine, images, room):
    """Labels of the Open Container Initiative; the platform's own where a port can be given."""
    labels = engine.images.get(images[room]).labels

    assert labels["org.opencontainers.image.title"] == images[room]
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.version"] == "0.1.0"
    assert labels.get(LABEL) == (None if room == "local" else "true")


@EVERY
def test_two_builds_have_the_same_layers(engine, images, room, tmp_path):
    """The same sources give the same bytes, file times included, in every layer."""
    tag = f"stagewire-test/{room}"
    command = [
        "docker",
        "build",
        "--quiet",
        "--no-cache",
        "-t",
        tag,
        "-f",
        f"{room}/Dockerfile",
        ".",
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    again, once = (layers(engine, each, tmp_path) for each in (tag, images[room]))
    engine.images.remove(tag)

    assert again.keys() == once.keys()
    for number in once:
        assert again[number] == once[number]


def layers(engine, image, folder):
    """List what each layer holds; an engine may pack the same files in another order."""
    archive = folder / "image.tar"
    with archive.open("wb") as file:
        for chunk in engine.images.get(image).save(chunk_size=2**20):
            file.write(chunk)
    with tarfile.open(archive) as image_tar:
        names = json.load(image_tar.extractfile("manifest.json"))[0]["Layers"]
        return {number: entries(image_tar, name) for number, name in enumerate(names)}


def entries(image_tar, name):
    """List a layer's entries: what is told of each, and the digest of its bytes."""
    with tarfile.open(fileobj=image_tar.extractfile(name)) as layer:
        return {
            each.name: (
                (each.type, each.mode, each.uid, each.gid, each.mtime, each.linkname),
                sha256(layer.extractfile(each).read()).digest() if each.isreg() else None,
            )
            for each in layer
        }


@pytest.mark.parametrize("room", ROOMS[:2])
def test_the_program_is_the_entry_point_and_serve_its_default(engine, images, room):
    """`docker run IMAGE serve` needs no shell in between, nor an init."""
    config = engine.images.get(images[room]).attrs["Config"]

    assert config["Entrypoint"] == ["/opt/venv/bin/python", "-m", room]
    assert config["Cmd"] == ["serve"]
    assert config["User"] == ""
