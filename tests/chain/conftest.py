"""Both stages behind the door, as a user starts them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass

import httpx
import pytest

from stagewire import loading, settings


@dataclass(frozen=True)
class Door:
    """A local SageMaker with one endpoint."""

    url: str
    process: subprocess.Popen
    clients: object

    def post(self, body, kind="text/csv", **headers):
        """Invoke the only endpoint by the shortcut."""
        names = {"content-type": kind, **{k.replace("_", "-"): v for k, v in headers.items()}}
        return httpx.post(f"{self.url}/invocations", content=body, headers=names, timeout=60)

    def containers(self):
        """URLs of the stages, in order."""
        (endpoint,) = httpx.get(f"{self.url}/_stagewire/status").json()["endpoints"]
        return [c["url"] for c in endpoint["variants"][0]["instances"][0]["containers"]]

    def runtime(self, **config):
        """A real boto3 client of it."""
        return self.clients(self.url, "sagemaker-runtime", **config)


@pytest.fixture(scope="session")
def opened(request, clients, free_port):
    """Open a door for archives as `stagewire local up` does; it is closed at the end of the run."""

    def begin(name, out, *options, **environ):
        archives = ",".join(str(out / f"{stage}.tar.gz") for stage in ("featurizer", "predictor"))
        command = [
            sys.executable,
            "-m",
            "stagewire_pipeline",
            "local",
            "up",
            "--port",
            str(free_port()),
        ]
        process = subprocess.Popen(
            [*command, "--serve", f"{name}={archives}", *options],
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            text=True,
        )
        said = []
        for line in process.stdout:
            said.append(line)
            found = re.search(r"(http://127\.0\.0\.1:\d+)/endpoints/", line)
            if found:
                break
        else:
            pytest.fail("the door did not open: " + "".join(said))
        rest = threading.Thread(target=lambda: [None for _ in process.stdout])
        rest.start()

        def close():
            process.send_signal(signal.SIGTERM)
            assert process.wait(40) == 0
            rest.join()
            process.stdout.close()

        request.addfinalizer(close)
        return Door(found[1], process, clients)

    return begin


@pytest.fixture(scope="session")
def stages(trained):
    """Both stages loaded in this process as their servers would, the first marked as not last."""
    first = {"SAGEMAKER_BASE_DIR": str(trained / "featurizer"), "STAGEWIRE_HOP": "auto"}
    second = {"SAGEMAKER_BASE_DIR": str(trained / "predictor")}
    return (
        loading.load("featurizer", settings.read(first)),
        loading.load("predictor", settings.read(second)),
    )


@pytest.fixture(scope="session")
def door(opened, trained):
    """The door with the endpoint `abalone`."""
    return opened("abalone", trained)
