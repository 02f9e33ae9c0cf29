"""Instance types: what they have, capped to this machine."""

from __future__ import annotations

import pytest

from stagewire_local.instances import GIB, Resources, listed, resources

HOST = Resources(8, 16 * GIB)


@pytest.mark.parametrize(
    ("name", "cpus", "gib"),
    [
        ("ml.t2.medium", 2, 4),
        ("ml.m5.xlarge", 4, 16),
        ("ml.m5.24xlarge", 96, 384),
        ("ml.c5.large", 2, 4),
        ("ml.c5.9xlarge", 36, 72),
        ("ml.c4.large", 2, 3.75),
        ("ml.r5.2xlarge", 8, 64),
    ],
)
def test_a_type_has_what_its_ec2_type_has(name, cpus, gib):
    """Cpus, and memory in bytes."""
    assert listed(name) == Resources(cpus, gib * GIB)


@pytest.mark.parametrize("name", ["", "m5.xlarge", "ml.m5.nano", "ml.p5.48xlarge", "local"])
def test_a_type_that_is_not_listed_gets_what_the_machine_has(name):
    """Also no type at all."""
    assert listed(name) is None
    assert resources(name, host=HOST) == HOST
    assert resources(None, host=HOST) == HOST


def test_no_type_gets_more_than_the_machine_has():
    """Each measure is capped by itself."""
    assert resources("ml.r5.xlarge", host=HOST) == Resources(4, 16 * GIB)
