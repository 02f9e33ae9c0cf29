"""`stagewire deploy` and `delete` against SageMaker on this machine, as against AWS."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

PROGRAM = (sys.executable, "-P", "-m", "stagewire_pipeline")
CLIENTS = [
    "boto3",
    pytest.param(
        "sagemaker",
        marks=[
            pytest.mark.notebook,
            pytest.mark.skipif(find_spec("sagemaker") is None, reason="needs sagemaker"),
        ],
    ),
]


@pytest.mark.parametrize("client", CLIENTS)
def test_deploying_invoking_and_deleting(box, program, client):
    """What deploy made answers, is what the record says, and is gone after delete."""
    before = box.everything()

    deployed = program.run(box, "deploy", "--name", "shells", "--client", client)
    answers = program.predicted(box, "shells")
    made = json.loads((program.out / "deploy.json").read_text())["deployments"][0]["made"]
    deleted = program.run(box, "delete", "shells")

    assert deployed.returncode == 0, deployed.stderr
    assert "The endpoint shells is InService" in deployed.stdout
    assert all(1 < each < 30 for each in answers)
    assert [each["kind"] for each in made] == [
        "bucket", "object", "object", "model", "endpoint-config", "endpoint",
    ]  # fmt: skip
    assert deleted.returncode == 0, deleted.stderr
    assert box.everything() == before


def test_the_lines_that_deploy_prints_can_be_copied(box, program):
    """In a shell that knows nothing of the box: from the shell, from Python, and the removal."""
    before = box.everything()

    said = program.good(box, "deploy", "--name", "copied", "--client", "boto3")
    shell, python, remove = re.search(
        r"From a shell:\n\n(.*)\n\nFrom Python:\n\n(.*)\n\nRemove it:\n\n(.*)\n", said, re.DOTALL
    ).groups()
    called = [
        subprocess.run(words, env=box.environ, capture_output=True, text=True, check=False)
        for words in (in_a_shell(shell), [sys.executable, "-c", python], in_a_shell(remove))
    ]

    assert [each.returncode for each in called] == [0, 0, 0], [each.stderr for each in called]
    assert called[0].stdout.strip() == called[1].stdout.strip()
    assert called[0].stdout.splitlines()[0].endswith(",prediction")
    assert box.everything() == before


def in_a_shell(line):
    """Let a shell run a line, the program being the one under test."""
    return ["/bin/sh", "-c", line.replace("stagewire ", f"{shlex.join(PROGRAM)} ", 1)]


@pytest.mark.parametrize("client", CLIENTS)
def test_an_update_turns_a_standing_endpoint_over(box, program, client):
    """Two instances take the place of one, and what only the old one needed is gone."""
    before = box.everything()
    program.run(box, "deploy", "--name", "grown", "--client", client)

    updated = program.run(
        box, "deploy", "--name", "grown", "--client", client, "--update", "--instance-count", "2"
    )
    sagemaker = box.client("sagemaker")
    (variant,) = sagemaker.describe_endpoint(EndpointName="grown")["ProductionVariants"]
    kept = [len(each) for each in box.everything()]
    program.run(box, "delete", "grown")

    assert updated.returncode == 0, updated.stderr
    assert variant["CurrentInstanceCount"] == 2
    assert kept == [len(each) + 1 for each in before]
    assert box.everything() == before


def test_another_endpoints_things_are_left_alone(box, program):
    """Of two deployments in one folder, delete takes one and not the bucket that both use."""
    before = box.everything()
    for name in ("left", "right"):
        program.run(box, "deploy", "--name", name, "--client", "boto3")

    deleted = program.run(box, "delete", "left")
    state = box.client("sagemaker").describe_endpoint(EndpointName="right")["EndpointStatus"]
    program.run(box, "delete", "right")

    assert "is kept: right uses it" in deleted.stdout
    assert state == "InService"
    assert box.everything() == before


def lying(folder):
    """Let a model's manifest lie about its files: the container starts and never is ready."""
    manifest = folder / "manifest.json"
    told = json.loads(manifest.read_text())
    told["files"] = dict.fromkeys(told["files"], "0" * 64)
    manifest.write_text(json.dumps(told))


def ending(folder):
    """Let a model's code end its container as soon as it is loaded."""
    (folder / "code").mkdir()
    (folder / "code" / "inference.py").write_text(
        'import os\nprint("the code has its last word", flush=True)\nos._exit(3)\n'
    )


def packed_anew(path, change):
    """Change what an archive holds."""
    shutil.unpack_archive(path, path.parent / "opened")
    change(path.parent / "opened")
    shutil.make_archive(str(path).removesuffix(".tar.gz"), "gztar", path.parent / "opened")


@pytest.fixture(scope="module")
def hasty_box(boxes):
    """Open a box that gives containers two seconds."""
    with boxes("--start-seconds", "2") as found:
        yield found


def test_a_failed_deploy_tells_why_and_what_the_container_said(hasty_box, program):
    """FailureReason, the last lines of the container that failed and of no other, and no zero."""
    before = hasty_box.everything()
    packed_anew(program.out / "predictor.tar.gz", lying)

    failed = program.run(hasty_box, "deploy", "--name", "shells", "--client", "boto3")
    standing = hasty_box.everything()
    deleted = program.run(hasty_box, "delete", "shells")

    assert failed.returncode == 1
    assert "shells is Failed; remove it with: stagewire delete shells" in failed.stderr
    assert "The predictor container for production variant AllTraffic did not" in failed.stderr
    assert "AllTraffic/shells-1/predictor:" in failed.stderr
    assert "is not the file that was packaged" in failed.stderr
    assert "AllTraffic/shells-1/featurizer:" not in failed.stderr
    assert standing != before
    assert deleted.returncode == 0, deleted.stderr
    assert hasty_box.everything() == before


def test_a_failed_update_leaves_what_served(box, program):
    """The endpoint answers as before, the new model is gone, and the container's words are shown."""
    program.run(box, "deploy", "--name", "kept", "--client", "boto3")
    before = box.everything()
    packed_anew(program.out / "predictor.tar.gz", ending)

    failed = program.run(box, "deploy", "--name", "kept", "--client", "boto3", "--update")
    answers = program.predicted(box, "kept")
    after = box.everything()
    program.run(box, "delete", "kept")

    assert failed.returncode == 1
    assert "was not updated; it still serves the old content" in failed.stderr
    assert "(exited with code 3)" in failed.stderr
    assert "the code has its last word" in failed.stderr.partition("kept-2/predictor:")[2]
    assert all(1 < each < 30 for each in answers)
    assert [names(each) for each in after] == [names(each) for each in before]


def names(listed):
    """Name things without their times."""
    return [each if isinstance(each, str) else min(map(str, each.values())) for each in listed]


@pytest.mark.parametrize("environ", [{}, {"FORCE_COLOR": "1"}], ids=["plain", "colours"])
def test_a_pipe_gets_lines_and_no_drawing(box, program, environ):
    """Each step once, even where colours are forced, as notebooks do."""
    deployed = program.run(
        box, "deploy", "--name", "piped", "--client", "boto3", environ=environ
    ).stdout.splitlines()
    program.run(box, "delete", "piped")

    assert "uploading predictor.tar.gz: 100 %" in deployed
    assert not [line for line in deployed if "\x1b[?25l" in line or "\r" in line]


def test_a_terminal_gets_a_live_line(box, program):
    """Its cursor is hidden while the state and its age are drawn over."""
    words = ["deploy", "--name", "drawn", "--client", "boto3", "--out", str(program.out)]
    command = [*PROGRAM, "local", "run", "--port", str(box.port), "--", *PROGRAM, *words]

    code, drawn = on_a_terminal(command, {**box.environ, "TERM": "xterm"})
    program.good(box, "delete", "drawn")

    assert code == 0, drawn
    assert "\x1b[?25l" in drawn
    assert "The endpoint drawn is InService" in drawn


def on_a_terminal(command, environ):
    """Run a program on a terminal of its own; return its exit code and what it drew."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    ) as process:
        os.close(theirs)
        chunks = []
        try:
            while chunk := os.read(ours, 65536):
                chunks.append(chunk)
        except OSError:  # Linux says so of a terminal that nobody holds any more
            pass
        finally:
            os.close(ours)
    return process.returncode, b"".join(chunks).decode(errors="replace")
