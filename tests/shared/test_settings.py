from __future__ import annotations

import math
from pathlib import Path

import pytest

from stagewire.errors import ConfigError
from stagewire.limits import DRAIN_SECONDS, MIB
from stagewire.quota import cpus, quota
from stagewire.request import Policy
from stagewire.settings import Settings, read

GOOD = [
    ("SAGEMAKER_BASE_DIR", "/srv/ml", "base", Path("/srv/ml")),
    ("STAGEWIRE_HOST", "127.0.0.1", "host", "127.0.0.1"),
    ("SAGEMAKER_BIND_TO_PORT", "21001", "port", 21001),
    ("SAGEMAKER_SAFE_PORT_RANGE", "21000-21002", "safe_ports", range(21000, 21003)),
    ("STAGEWIRE_METRICS_PORT", "9100", "metrics_port", 9100),
    ("STAGEWIRE_METRICS_PORT", "auto", "metrics_port", 8081),
    ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv", "default_accept", "text/csv"),
    (
        "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT",
        "text/csv;q=0.5, */*",
        "default_accept",
        "text/csv;q=0.5, */*",
    ),
    ("SAGEMAKER_PROGRAM", "serve.py", "program", "serve.py"),
    ("MODEL_SERVER_WORKERS", "2", "workers", 2),
    ("MODEL_SERVER_TIMEOUT", "0.5", "reply_seconds", 0.5),
    ("SAGEMAKER_CONTAINER_LOG_LEVEL", "10", "log_level", 10),
    ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "6", "body_bytes", 6 * MIB),
    ("STAGEWIRE_HOP", "auto", "hop", True),
    ("STAGEWIRE_BAD_ROWS", "Null", "policy", Policy.NULL),
    ("STAGEWIRE_ALLOW_SKEW", "1", "allow_skew", True),
    ("STAGEWIRE_START", "warm", "warm", True),
    ("STAGEWIRE_THREADS", "3", "threads", 3),
    ("STAGEWIRE_INLINE_BYTES", "0", "inline_bytes", 0),
    ("STAGEWIRE_BATCH_ROWS", "0", "batch_rows", 0),
    ("STAGEWIRE_BATCH_SECONDS", "0", "batch_seconds", 0.0),
    ("STAGEWIRE_BATCH_SECONDS", "0.25", "batch_seconds", 0.25),
    ("STAGEWIRE_ACCESS_LOG", "true", "access_log", True),
    ("STAGEWIRE_PLAN", "off", "plan", False),
]
BAD = [
    ("SAGEMAKER_BIND_TO_PORT", "http"),
    ("SAGEMAKER_BIND_TO_PORT", "0"),
    ("SAGEMAKER_BIND_TO_PORT", "65536"),
    ("SAGEMAKER_BIND_TO_PORT", "٨٠٨٠"),
    ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "json"),
    ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", ";;"),
    ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv;q=0"),
    ("SAGEMAKER_SAFE_PORT_RANGE", "21000"),
    ("SAGEMAKER_SAFE_PORT_RANGE", "21999-21000"),
    ("SAGEMAKER_SAFE_PORT_RANGE", "1-70000"),
    ("STAGEWIRE_METRICS_PORT", "8080"),
    ("MODEL_SERVER_WORKERS", "0"),
    ("SAGEMAKER_MODEL_SERVER_WORKERS", "many"),
    ("MODEL_SERVER_TIMEOUT", "nan"),
    ("MODEL_SERVER_TIMEOUT", "-1"),
    ("MODEL_SERVER_TIMEOUT", "soon"),
    ("SAGEMAKER_CONTAINER_LOG_LEVEL", "INFO"),
    ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "inf"),
    ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "0.0000001"),
    ("STAGEWIRE_HOP", "on"),
    ("STAGEWIRE_BAD_ROWS", "skip"),
    ("STAGEWIRE_ALLOW_SKEW", "yes"),
    ("STAGEWIRE_START", "hot"),
    ("STAGEWIRE_THREADS", "-2"),
    ("STAGEWIRE_INLINE_BYTES", "16k"),
    ("STAGEWIRE_BATCH_ROWS", "many"),
    ("STAGEWIRE_BATCH_SECONDS", "-0.1"),
    ("STAGEWIRE_ACCESS_LOG", "2"),
    ("STAGEWIRE_PLAN", "of"),
]


@pytest.mark.parametrize(("key", "value", "name", "wanted"), GOOD)
def test_each_key_is_read(key, value, name, wanted):
    """A key of the environment decides one setting; an empty value counts as unset."""
    found, empty = read({key: f" {value} "}), read({key: ""})

    assert getattr(found, name) == wanted
    assert getattr(empty, name) == getattr(read({}), name)


@pytest.mark.parametrize(("key", "value"), BAD)
def test_a_bad_value_is_refused_by_name(key, value):
    """What cannot be used stops the start and names key and value."""
    with pytest.raises(ConfigError, match=f"^{key} has the value '{value}'; it must be "):
        read({key: value})


def test_what_is_not_set_is_what_the_platform_says():
    """Port, payload and time are SageMaker's own; the drain ends before its SIGKILL, 30 s after SIGTERM."""
    found = read({})

    assert (found.host, found.port, found.workers) == ("0.0.0.0", 8080, 1)  # noqa: S104
    assert (found.body_bytes, found.reply_seconds) == (25 * 1024 * 1024, 60)
    assert (found.hop, found.policy, found.allow_skew, found.plan) == (
        False,
        Policy.FAIL,
        False,
        True,
    )
    assert 20 <= DRAIN_SECONDS < 30


def test_sagemakers_own_worker_count_wins():
    """Both keys are in use; the longer one is the newer."""
    both = {"SAGEMAKER_MODEL_SERVER_WORKERS": "3", "MODEL_SERVER_WORKERS": "2"}

    assert read(both).workers == 3


def test_a_metrics_port_is_one_of_the_safe_range():
    """Asked for as auto it is the first safe port that is free; outside the range it is refused."""
    ports = {"SAGEMAKER_BIND_TO_PORT": "21000", "SAGEMAKER_SAFE_PORT_RANGE": "21000-21002"}

    assert read({**ports, "STAGEWIRE_METRICS_PORT": "auto"}).metrics_port == 21001
    with pytest.raises(ConfigError, match="SAGEMAKER_SAFE_PORT_RANGE"):
        read({**ports, "STAGEWIRE_METRICS_PORT": "9100"})


def test_a_metrics_port_that_cannot_be_found_is_refused():
    """Asked for as auto where the only safe port is the server's own, there would silently be none."""
    one = {"SAGEMAKER_BIND_TO_PORT": "21000", "SAGEMAKER_SAFE_PORT_RANGE": "21000-21000"}

    for ports in (one, {"SAGEMAKER_BIND_TO_PORT": "65535"}):
        with pytest.raises(ConfigError, match=r"^STAGEWIRE_METRICS_PORT has the value 'auto'"):
            read({**ports, "STAGEWIRE_METRICS_PORT": "auto"})


def test_a_key_of_ours_that_nobody_reads_is_told():
    """A slip in a key would be a setting that silently is not made."""
    environ = {"STAGEWIRE_ALOW_SKEW": "1", "STAGEWIRE_PLAN": "off", "SAGEMAKER_REGION": "x"}

    assert read(environ).unknown == ("STAGEWIRE_ALOW_SKEW",)


def test_a_metrics_port_cannot_be_shared_by_workers():
    """Each worker counts for itself, and only one could have the port: said at the start."""
    with pytest.raises(ConfigError, match=r"^STAGEWIRE_METRICS_PORT .* unset with 2 workers"):
        read({"MODEL_SERVER_WORKERS": "2", "STAGEWIRE_METRICS_PORT": "9100"})


def test_the_model_stands_below_the_base():
    """SAGEMAKER_BASE_DIR is the root of everything, /opt/ml by default."""
    assert Settings().model_dir == Path("/opt/ml/model")


def test_threads_follow_the_cpu_quota():
    """The pool has the size of the quota, shared among the workers, unless it is stated."""
    assert read({}).threads == cpus()
    assert read({"MODEL_SERVER_WORKERS": "256"}).threads == 1


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({}, math.inf),
        ({"cpu.max": "max 100000\n"}, math.inf),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "50000 100000\n"}, 0.5),
        ({"cpu.max": ""}, math.inf),
        ({"cpu.max": "100000 0\n"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "100000\n"}, math.inf),
    ],
)
def test_the_quota_is_read_from_either_cgroup(tmp_path, files, wanted):
    """The one file of cgroup v2, the two of v1, or no limit at all."""
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    assert quota(tmp_path) == wanted


def test_a_part_of_a_cpu_is_one_thread(tmp_path):
    """A quota is rounded up and never below one."""
    (tmp_path / "cpu.max").write_text("10000 100000\n")

    assert cpus(tmp_path) == 1


@pytest.mark.skipif(cpus(Path("/nowhere")) == 1, reason="there is one CPU, whatever the quota")
def test_more_than_one_cpu_is_two_threads(tmp_path):
    """A quota of 1.1 keeps two threads busy by turns."""
    (tmp_path / "cpu.max").write_text("110000 100000\n")

    assert cpus(tmp_path) == 2
