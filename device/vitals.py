"""What a board feels while it works: temperature, throttling, and what it has written to its card.

Knows nothing of bundles. Sources: the kernel's thermal zones, /proc/self/io, and the Raspberry Pi firmware's throttle
word (bits 0–3: under-voltage, frequency capped, throttled, soft temperature limit, now; 16–19: the same since boot).
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from boardwright.device.sysfs import read_number

FLAGS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")


@dataclass(frozen=True)
class Vitals:
    """temperature_c: of the hottest zone.  throttle: the firmware's word.  None where the machine does not tell.

    written: bytes that this process has sent to a disk."""

    temperature_c: float | None
    throttle: int | None
    written: int | None


def read_vitals(sys: Path = Path("/sys"), proc: Path = Path("/proc")) -> Vitals:
    zones = [read_number(file) for file in sys.glob("class/thermal/thermal_zone*/temp")]
    hottest = max((zone for zone in zones if zone is not None), default=None)
    return Vitals(None if hottest is None else hottest / 1000, _throttle(sys), _written(proc))


def raised(before: Vitals, after: Vitals) -> list[str]:
    """What slowed the board down between two readings: with any of these, the run measured something else."""
    if before.throttle is None or after.throttle is None:
        return []
    # Raised now, at either end, or since boot and not yet so before.
    word = before.throttle | after.throttle | (after.throttle & ~before.throttle) >> 16
    return [name for bit, name in enumerate(FLAGS) if word >> bit & 1]


def _throttle(sys: Path) -> int | None:
    for file in sys.glob("devices/platform/soc*/soc*firmware/get_throttled"):
        if (word := read_number(file, 16)) is not None:
            return word
    if sys != Path("/sys"):
        return None
    try:
        told = subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True, timeout=5, check=True)
        return int(told.stdout.strip().removeprefix("throttled="), 16)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _written(proc: Path) -> int | None:
    try:
        for line in (proc / "self" / "io").read_text(encoding="ascii").splitlines():
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return None
