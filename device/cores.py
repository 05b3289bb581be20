"""What cores can do, and which to run on: on boards with big and little ones, a pass waits for the slowest thread.

Knows nothing of models or bundles. Source: the kernel's cpu_capacity (arm64, 1024 for the fastest core of the machine),
else each core's highest clock.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from boardwright.device.sysfs import read_number, read_text

SYSFS = Path("/sys/devices/system/cpu")
# A core with less than this share of the fastest one's capacity slows the others down: a Cortex-A55 beside an A76 has
# 0.4, the two A76 clusters of an RK3588 differ by a few hundredths.
BIG = 0.75


def big_cores(sysfs: Path = SYSFS, allowed: Collection[int] | None = None) -> list[int]:
    """The fast cores among those that this process may use, ascending. All of them where the kernel tells nothing.

    allowed: numbers of cores; those of this process unless told."""
    cores = sorted(os.sched_getaffinity(0) if allowed is None else allowed)
    for name in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"):
        found = {core: read_number(sysfs / f"cpu{core}" / name) for core in cores}
        known = {core: value for core, value in found.items() if value}
        if len(known) == len(cores):
            fastest = max(known.values())
            return [core for core in cores if known[core] >= BIG * fastest]
    return cores


def pin(cores: Collection[int]) -> None:
    """Keep this process, and the threads it starts from now on, on these cores."""
    if set(cores) != os.sched_getaffinity(0):
        os.sched_setaffinity(0, cores)


def cpu_features(root: Path = Path("/")) -> frozenset[str]:
    """What every core can do, as /proc/cpuinfo spells it: code may run on any of them. Empty where it does not tell."""
    lines = [line.partition(":") for line in read_text(root / "proc/cpuinfo").splitlines()]
    cores = [frozenset(value.split()) for name, _, value in lines if name.strip() in ("Features", "flags")]
    return frozenset.intersection(*cores) if cores else frozenset()
