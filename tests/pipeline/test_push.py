"""`stagewire push` towards AWS: what Docker's program is told, and what is recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
# Docker's program, as far as push uses it: it writes down what it is told.
DOCKER = """\
import json, os, sys

words = sys.argv[1:]
said = sys.stdin.read() if "--password-stdin" in words else ""
with open(os.environ["TOLD"], "a") as told:
    told.write(json.dumps([*words, said]) + "\\n")
if words[0] == os.environ.get("REFUSED"):
    print("denied: not today", file=sys.stderr)
    sys.exit(1)
if words[:2] == ["image", "inspect"]:
    print(json.dumps([{"Id": "sha256:" + "0123456789abcdef" * 4}]))
elif words[0] == "push":
    print("layer 1: Pushed")
"""


@pytest.fixture
def run(environ, url, tmp_path):
    """Run push against AWS's own addresses, of which moto has taken ECR's and STS's."""
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f"#!{sys.executable}\n{DOCKER}")
    docker.chmod(0o755)

    def program(*words, **more):
        return subprocess.run(
            [sys.executable, "-P", "-m", "stagewire_pipeline", "push", "--out", tmp_path, *words],
            env={
                **environ,
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "someone",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_ENDPOINT_URL_ECR": url,
                "AWS_ENDPOINT_URL_STS": url,
                "PATH": f"{docker.parent}{os.pathsep}{environ['PATH']}",
                "TOLD": str(tmp_path / "told"),
                **more,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return program


@pytest.fixture
def told(tmp_path):
    """Give what reads the commands that Docker was given."""
    return lambda: [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]


def test_each_image_is_pushed_by_its_content_and_as_the_latest(run, told, tmp_path):
    """One login by stdin, then tag and push each under both names; the first one is recorded."""
    done = run("--image", "predictor=mine:3")

    first = f"{REGISTRY}/stagewire/featurizer:0123456789ab"
    second = f"{REGISTRY}/stagewire/featurizer:latest"
    assert done.returncode == 0, done.stderr
    assert told()[:7] == [
        ["image", "inspect", "stagewire/featurizer:latest", ""],
        ["image", "inspect", "mine:3", ""],
        ["login", "--username", "AWS", "--password-stdin", REGISTRY, told()[2][-1]],
        ["tag", "stagewire/featurizer:latest", first, ""],
        ["push", first, ""],
        ["tag", "stagewire/featurizer:latest", second, ""],
        ["push", second, ""],
    ]
    assert told()[2][-1]
    assert [each[0] for each in told()[7:]] == ["tag", "push", "tag", "push"]
    assert "featurizer: layer 1: Pushed" in done.stdout
    (recorded,) = json.loads((tmp_path / "push.json").read_text()).values()
    assert recorded["featurizer"] == first


@pytest.mark.parametrize("word", ["image", "login", "tag", "push"])
def test_what_docker_refuses_ends_in_its_own_words(word, run, tmp_path):
    """Nothing is recorded then."""
    done = run(REFUSED=word)

    assert done.returncode == 1
    assert f"docker {word}: denied: not today" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "push.json").exists()


def test_without_docker_its_absence_is_told(run, tmp_path):
    """Its program is named."""
    done = run(PATH=str(tmp_path))

    assert done.returncode == 1
    assert "docker cannot be run: No such file" in done.stderr
