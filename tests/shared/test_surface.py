from __future__ import annotations

import inspect
import re
import subprocess
import sys

import pytest

import stagewire
from stagewire import errors
from stagewire.codec import CODECS
from stagewire.encoding import MIRRORED
from stagewire.errors import StageError
from stagewire.request import Origin

HEAVY = (
    "fastapi",
    "pydantic",
    "prometheus_client",
    "pandas",
    "pyarrow",
    "boto3",
    "uvicorn",
    "hypothesis",
)


def tree(kind: type) -> list[type]:
    """List a class and all below it."""
    return [kind, *(found for child in kind.__subclasses__() for found in tree(child))]


def test_every_exported_name_is_there():
    """`__all__` is sorted, complete and true."""
    public = {
        name
        for name, value in vars(stagewire).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("stagewire.")
    }

    assert sorted(stagewire.__all__) == stagewire.__all__
    assert public == set(stagewire.__all__)


@pytest.mark.parametrize("module", ["stagewire", "stagewire.testing", "stagewire.serve"])
def test_importing_has_a_budget(module):
    """`import stagewire` loads no web framework, pandas, Arrow or AWS; serving adds uvicorn alone."""
    code = f"import sys, {module}; print([n for n in {HEAVY!r} if n in sys.modules])"

    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert out.stdout.strip() == ("['uvicorn']" if module == "stagewire.serve" else "[]")


def test_every_error_stands_in_the_tree_that_is_drawn():
    """The drawing at the top of errors.py names each class with its status and code."""
    drawn = {
        name: (int(status), code)
        for name, status, code in re.findall(r"(\w+) {3,}(\d{3})(?: +([a-z_]+))?", errors.__doc__)
    }

    for kind in tree(StageError):
        status, code = drawn[kind.__name__]
        assert kind.status == status, kind
        assert code in {"", kind.code}, kind
        assert kind.__doc__
    assert set(drawn) == {kind.__name__ for kind in tree(StageError)}


def test_every_origin_has_a_form_to_answer_in():
    """Whatever was sent, the mirrored type is one that there is a codec for."""
    assert set(MIRRORED) == set(Origin)
    assert set(MIRRORED.values()) <= set(CODECS)


ROOMS = ("shared", "featurizer", "predictor", "local")
# The columns and the name of the data set of the demonstration: what serves any data must not know it.
OWN = re.compile(
    r"abalone|\brings\b|(whole|shucked|viscera|shell)[ _]?weight|\bdiameter\b", re.IGNORECASE
)


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_knows_the_demonstration(project, room):
    """No column name of abalone stands in the code of a room that serves any data."""
    found = [
        f"{path.relative_to(project)}:{number}: {line.strip()}"
        for path in sorted((project / room).rglob("src/**/*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if OWN.search(line)
    ]

    assert found == []


def test_every_module_says_why_it_exists(project):
    """A module opens with one sentence, has at most 250 lines and no class without a word."""
    for path in sorted((project / "shared" / "src").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert text.startswith('"""'), path
        assert len(text.splitlines()) <= 250, path


def test_public_functions_of_the_surface_are_documented():
    """Each exported name has a docstring."""
    assert all(inspect.getdoc(getattr(stagewire, name)) for name in stagewire.__all__)
