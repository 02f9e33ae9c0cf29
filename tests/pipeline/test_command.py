from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest
from click.testing import CliRunner

from stagewire_pipeline import content
from stagewire_pipeline.command import main
from stagewire_pipeline.errors import DataError
from stagewire_pipeline.rooms import Rooms

WRONG = {
    "no data": (["train", "--data", "none.csv"], 1, "there is no file none.csv"),
    "bad setting": (["train", "--set", "x.y=1"], 2, "featurizer, predictor"),
    "no file": (["invoke", "x", "none.csv"], 2, "none.csv"),
    "no door": (["invoke", "x", "-"], 1, "the door on this machine is --local"),
    "a file in the way": (["package", "--out", "rows/none"], 1, "no finished training"),
    "two doors": (["invoke", "x", "-", "--local", "--endpoint-url", "http://x"], 2, "another"),
    "nothing trained": (["package", "--out", "none"], 1, "no finished training"),
    "no command": (["fly"], 2, "No such command 'fly'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_explained_without_a_traceback(case, environ, tmp_path):
    """Each command line that cannot be carried out ends with its code and names what is wrong."""
    arguments, code, told = WRONG[case]
    (tmp_path / "rows").write_text("a,b\n" + "1,2\n" * 25)

    ended = subprocess.run(
        [sys.executable, "-P", "-m", "stagewire_pipeline", *arguments],
        cwd=tmp_path,
        # Nor with what this machine's person has configured for AWS.
        env={**environ, "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none"},
        input="",
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (code, "")
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_path_that_cannot_be_had_is_named(tmp_path):
    """A folder that is none, or that is not ours, ends a command in one line and 1."""
    group, file = Rooms(), tmp_path / "file"
    file.touch()
    group.command("write")((file / "none").touch)

    told = CliRunner().invoke(group, ["write"])

    assert told.exit_code == 1
    assert told.stderr == f"Error: {file / 'none'}: Not a directory\n"


def test_help_lists_this_rooms_commands():
    """The program names its commands in the order they are needed in, each in a whole sentence."""
    told = CliRunner().invoke(main, ["-h"], terminal_width=80)

    assert told.exit_code == 0
    lines = [line.split() for line in told.stdout.partition("Commands:\n")[2].splitlines()]
    first = [line[0] for line in lines if line[0] != "local"]
    assert first[:5] == ["demo", "train", "package", "invoke", "bench"]
    assert not any(line[-1].endswith("...") for line in lines)


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
