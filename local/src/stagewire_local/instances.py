"""What the platform's instance types have, so that containers here get no more than there.

Cpus and memory are those of the EC2 type of the same name (the "ml." types run on them; AWS's page
of EC2 instance types). A type that is not listed, one with an accelerator for example, gets what
this machine has.
"""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1024**3


@dataclass(frozen=True)
class Resources:
    """What an instance offers to all of its containers together: cpus, and memory in bytes."""

    cpus: float
    memory: int

    def within(self, host: Resources) -> Resources:
        """Cap to what a machine has: an engine refuses more cpus than its own."""
        return Resources(min(self.cpus, host.cpus), min(self.memory, host.memory))


def resources(instance_type: str | None, *, host: Resources) -> Resources:
    """Return what a container may use on this machine when it stands for that instance type."""
    wanted = listed(instance_type) if instance_type else None
    return wanted.within(host) if wanted else host


def listed(instance_type: str) -> Resources | None:
    """Look a type up, "ml.m5.xlarge" for example; None when it is not in the tables."""
    prefix, _, name = instance_type.partition(".")
    if prefix != "ml":
        return None
    if name in ODD:
        cpus, gib = ODD[name]
        return Resources(cpus, round(gib * GIB))
    family, _, size = name.partition(".")
    if family not in FAMILIES or size not in SIZES:
        return None
    return Resources(SIZES[size], FAMILIES[family] * SIZES[size] * GIB)


# Cpus of a size, in the families whose memory grows with them.
SIZES = {
    "large": 2,
    "xlarge": 4,
    "2xlarge": 8,
    "4xlarge": 16,
    "8xlarge": 32,
    "12xlarge": 48,
    "16xlarge": 64,
    "24xlarge": 96,
    "32xlarge": 128,
    "48xlarge": 192,
}

# GiB for each cpu.
FAMILIES = {
    **dict.fromkeys(("c5", "c5d", "c6g", "c6gd", "c6gn", "c6i", "c6id", "c6in", "c7g", "c7i"), 2),
    **dict.fromkeys(("c8g",), 2),
    **dict.fromkeys(("m4", "m5", "m5d", "m6g", "m6gd", "m6i", "m6id", "m6in", "m7g", "m7i"), 4),
    **dict.fromkeys(("m8g",), 4),
    **dict.fromkeys(("r5", "r5d", "r6g", "r6gd", "r6i", "r6id", "r6in", "r7g", "r7i", "r8g"), 8),
}

# Cpus and GiB of what follows no such rule.
ODD: dict[str, tuple[int, float]] = {
    "t2.medium": (2, 4),
    "t2.large": (2, 8),
    "t2.xlarge": (4, 16),
    "t2.2xlarge": (8, 32),
    "m4.10xlarge": (40, 160),
    "m4.16xlarge": (64, 256),
    "c4.large": (2, 3.75),
    "c4.xlarge": (4, 7.5),
    "c4.2xlarge": (8, 15),
    "c4.4xlarge": (16, 30),
    "c4.8xlarge": (36, 60),
    "c5.9xlarge": (36, 72),
    "c5.18xlarge": (72, 144),
    "c5d.9xlarge": (36, 72),
    "c5d.18xlarge": (72, 144),
}
