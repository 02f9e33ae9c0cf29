"""`local run`, `local env` and `local logs`: any AWS program against this machine, unchanged."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest


@pytest.fixture(scope="module")
def local(box):
    """Give a function that runs a command of `local` for the box, to its end."""

    def call(word, *words, **more):
        command = [sys.executable, "-m", "stagewire_local", word, f"--port={box.port}", *words]
        environment = {**box.environment, **more}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return call


@pytest.fixture(scope="module")
def endpoint(box):
    """Give the name of an endpoint of one stub container."""
    sagemaker = box.client("sagemaker")
    variant = {
        "VariantName": "v",
        "ModelName": "logged",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_model(ModelName="logged", PrimaryContainer={"Image": "stub"})
    sagemaker.create_endpoint_config(EndpointConfigName="logged", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="logged", EndpointConfigName="logged")
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName="logged", WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})
    yield "logged"
    sagemaker.delete_endpoint(EndpointName="logged")


def test_a_program_finds_this_machine_and_runs_as_a_role(local):
    """Whatever profile or endpoint the user's own environment names."""
    code = """
        import boto3, json
        sts = boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com")
        boto3.client("s3").create_bucket(Bucket="of-the-program")
        print(json.dumps([sts.get_caller_identity()["Arn"], sts.meta.endpoint_url]))
    """
    other = {"AWS_PROFILE": "nobody", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}

    result = local("run", "--", sys.executable, "-c", textwrap.dedent(code), **other)

    assert result.returncode == 0, result.stderr
    arn, url = json.loads(result.stdout)
    assert arn == "arn:aws:sts::123456789012:assumed-role/SageMakerRole/stagewire"
    assert url.startswith("http://127.0.0.1:")


def test_a_programs_exit_code_and_arguments_are_its_own(local):
    """Options after the two dashes belong to it."""
    code = "import sys; print(sys.argv[1:]); sys.exit(7)"

    result = local("run", "--", sys.executable, "-c", code, "--port", "x")

    assert result.returncode == 7
    assert result.stdout == "['--port', 'x']\n"


def test_a_program_that_is_not_there_is_one_clear_line(local):
    """No traceback."""
    result = local("run", "--", "no-such-program")

    assert result.returncode == 1
    assert result.stderr == "Error: cannot run no-such-program: No such file or directory\n"


def test_a_sitecustomize_of_the_user_is_loaded_too(local, box, tmp_path):
    """Ours stands before it and passes on."""
    (tmp_path / "sitecustomize.py").write_text("print('the user\\'s own')\n")
    path = f"{tmp_path}:{box.environment['PYTHONPATH']}"

    result = local("run", "--", sys.executable, "-c", "pass", PYTHONPATH=path)

    assert "the user's own" in result.stdout


def test_a_shell_gets_the_same_environment(local):
    """A shell's eval of the output sets and unsets."""
    printed = local("env", AWS_PROFILE="nobody").stdout
    script = (
        f'export AWS_PROFILE=nobody\n{printed}\necho "$AWS_ENDPOINT_URL ${{AWS_PROFILE-unset}}"'
    )

    result = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)

    assert result.stdout.startswith("http://127.0.0.1:")
    assert result.stdout.endswith(" unset\n")


def test_logs_are_those_of_the_containers(local, endpoint):
    """Each line with its instance and container."""
    result = local("logs", endpoint)

    assert result.stdout == "logged-1/primary | the stub serves ['serve']\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nobody"], "Endpoint nobody of account 123456789012 not found."),
        (["logged", "--container=c"], "has no container 'c' (it has: primary)"),
    ],
)
def test_logs_of_nobody_are_an_error(local, endpoint, words, message):
    """It names what there is."""
    result = local("logs", *words)

    assert result.returncode == 1
    assert message in result.stderr


def test_without_a_door_each_says_so(local, port):
    """And how to start one."""
    for words in (["env"], ["run", "--", "true"], ["logs", "x"]):
        result = local(words[0], f"--port={port}", *words[1:])

        assert result.returncode == 1
        assert "no door answers on 127.0.0.1" in result.stderr
