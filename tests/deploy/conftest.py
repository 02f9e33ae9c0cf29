"""SageMaker on this machine as a process of its own, and programs that use it as they would AWS."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading

import pytest

PROGRAM = (sys.executable, "-P", "-m", "stagewire_pipeline")
ENDS_SECONDS = 120
# A deployment's, and its update's, on a machine that is busy.
PROGRAM_SECONDS = 150


class Box:
    """SageMaker on this machine; use it as a context manager, which takes it down."""

    def __init__(self, home, *options, port, clients):
        self.port, self.clients = port, clients
        self.environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
            "STAGEWIRE_HOME": str(home),
        }
        self.lines = []
        self.process = subprocess.Popen(
            [*PROGRAM, "local", "up", "--port", str(self.port), *options],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.open = threading.Event()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        """Keep what it says, and see when it is open, or never will be."""
        for line in self.process.stdout:
            self.lines.append(line)
            if re.search(r"The door is open| is InService at", line):
                self.open.set()
        self.open.set()

    def __enter__(self):
        """Wait until it is open."""
        self.open.wait()
        assert self.process.poll() is None, "".join(self.lines)
        return self

    def __exit__(self, *_):
        """Take it down as Ctrl-C would."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(ENDS_SECONDS)
        self.reader.join()
        self.process.stdout.close()
        assert code == 0, "".join(self.lines)

    def run(self, *words, **options):
        """Run any program against it, to its end."""
        return self.local("run", "--", *map(str, words), **options)

    def local(self, word, *words, **options):
        """Run a command of `stagewire local` for it, to its end."""
        more = options.pop("environ", {})
        return subprocess.run(
            [*PROGRAM, "local", word, "--port", str(self.port), *words],
            env={**self.environ, **more},
            capture_output=True,
            text=True,
            check=False,
            **{"timeout": PROGRAM_SECONDS, **options},
        )

    def client(self, service):
        """Return boto3's client of it."""
        return self.clients(f"http://127.0.0.1:{self.port}", service)

    def everything(self):
        """List all that a deployment could leave behind."""
        sagemaker, s3 = self.client("sagemaker"), self.client("s3")
        return [
            [each["Name"] for each in s3.list_buckets()["Buckets"]],
            sagemaker.list_models()["Models"],
            sagemaker.list_endpoint_configs()["EndpointConfigs"],
            sagemaker.list_endpoints()["Endpoints"],
        ]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory, free_port, clients):
    """Give what makes a box, with options of `local up`."""

    def make(*options):
        home = tmp_path_factory.mktemp("home")
        return Box(home, *options, port=free_port(), clients=clients)

    return make


@pytest.fixture(scope="module")
def box(boxes):
    """Open a box whose containers are processes."""
    with boxes() as found:
        yield found


@pytest.fixture(scope="module")
def docker_box(boxes, images):
    """Open a box whose containers are Docker's, the project's images being built."""
    with boxes("--driver", "docker") as found:
        yield found


class Program:
    """The program as a user runs it against a box, over a folder of artifacts and records."""

    def __init__(self, out):
        self.out = out
        self.rows = [
            line.rpartition(",")[0] for line in (out / "test.csv").read_text().splitlines()[1:4]
        ]

    def run(self, box, *words, **options):
        """Run a command of it, to its end."""
        return box.run(*PROGRAM, *words, "--out", self.out, **options)

    def good(self, box, *words):
        """Run a command of it that has to succeed; returns what it said."""
        done = self.run(box, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def predicted(self, box, name):
        """Return an endpoint's predictions of three held-out rows."""
        done = box.run(*PROGRAM, "invoke", name, "-", input="\n".join(self.rows))
        assert done.returncode == 0, done.stderr
        return [float(line) for line in done.stdout.split()]


@pytest.fixture
def program(trained, tmp_path):
    """Give the program over the abalone artifacts, in a folder of the test's own."""
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("featurizer.tar.gz", "predictor.tar.gz", "test.csv"):
        shutil.copy(trained / name, folder)
    return Program(folder)


@pytest.fixture
def left(engine):
    """Give what lists a box's containers and volumes in the engine, which others may use too."""

    def listed(box):
        chosen = {"label": f"stagewire.local.door=door-{box.port}"}
        found = engine.containers.list(all=True, filters=chosen, ignore_removed=True)
        return [each.name for each in found + engine.volumes.list(filters=chosen)]

    return listed
