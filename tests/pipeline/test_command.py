from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest
from click.testing import CliRunner

from stagewire_pipeline import content
from stagewire_pipeline.command import main
from stagewire_pipeline.errors import DataError

WRONG = {
    "no data": (["train", "--data", "none.csv"], 1, "there is no file none.csv"),
    "bad setting": (["train", "--set", "x.y=1"], 2, "featurizer, predictor"),
    "no file": (["invoke", "x", "none.csv"], 2, "none.csv"),
    "two doors": (["invoke", "x", "-", "--local", "--endpoint-url", "http://x"], 2, "another"),
    "nothing trained": (["package", "--out", "none"], 1, "no finished training"),
    "no command": (["fly"], 2, "No such command 'fly'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_explained_without_a_traceback(case, environ, tmp_path):
    """Each command line that cannot be carried out ends with its code and names what is wrong."""
    arguments, code, told = WRONG[case]

    ended = subprocess.run(
        [sys.executable, "-P", "-m", "stagewire_pipeline", *arguments],
        cwd=tmp_path,
        env=environ,
        input="",
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (code, "")
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_help_lists_this_rooms_commands():
    """The program names its commands."""
    told = CliRunner().invoke(main, ["--help"])

    assert told.exit_code == 0
    assert all(name in told.stdout for name in ("train", "package", "invoke", "demo"))


def test_local_is_there_or_says_where_it_comes_from():
    """Without the room that brings it, `stagewire local` says so in one line."""
    words = "install stagewire-local" if find_spec("stagewire_local") is None else "status"

    told = CliRunner().invoke(main, ["local", "--help"])

    assert (told.exit_code == 0) == (find_spec("stagewire_local") is not None)
    assert words in told.output


def test_a_suffix_decides_the_content_type():
    """Known suffixes have their type in any case; others are refused with the known ones."""
    assert content.of("a.ARROW") == "application/vnd.apache.arrow.stream"
    with pytest.raises(DataError, match=r"\.jsonl"):
        content.of("rows.txt")
