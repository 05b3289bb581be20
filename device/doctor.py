"""What a board has, against what a bundle needs of it: one line a check, each with what to do.

Knows nothing of slots or signatures. Standard library only, and so is all that it imports: the first install runs it
before anything of ours is installed. Every file is looked up under `root`, so that a folder can stand for a board.
"""

from __future__ import annotations

import os
import shutil
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from boardwright.device.cores import cpu_features
from boardwright.device.needs import Needs
from boardwright.device.sysfs import read_text
from boardwright.device.vitals import FLAGS, read_vitals

Verdict = Literal["ok", "warning", "refusal"]
HOT_C = 80.0  # where the firmware of a Raspberry Pi begins to slow down
FIRST_YEAR = 2024  # before the first of our releases: such a clock was never set
IN_MEMORY = ("tmpfs", "ramfs")
# Both spellings: kernels before 6.1 want the second word too.
CGROUP_WORDS = "cgroup_enable=memory cgroup_memory=1"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.  next: what to do about it, where there is something."""

    name: str
    verdict: Verdict
    text: str
    next: str | None = None


@dataclass(frozen=True)
class Running:
    """What files do not tell: of this process, its kernel and its disk.

    machine: as `uname -m` says it.  bits: of a pointer here.  python, glibc: "3.11", "2.36"; glibc is "" elsewhere.
    free_mb: free for us where the state folder is or will be, in MB (10^6 bytes).  year: by the clock.
    """

    machine: str
    bits: int
    python: str
    glibc: str
    free_mb: int
    year: int

    @classmethod
    def here(cls, state: Path) -> Running:
        try:
            library, _, glibc = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        except (ValueError, OSError):  # musl does not know the name
            library = glibc = ""
        return cls(
            os.uname().machine,
            struct.calcsize("P") * 8,
            f"{sys.version_info[0]}.{sys.version_info[1]}",
            glibc if library == "glibc" else "",
            shutil.disk_usage(_nearest(state)).free // 10**6,
            time.gmtime().tm_year,
        )


def examine(
    needs: Needs | None, state: Path, *, root: Path = Path("/"), running: Running | None = None
) -> Iterator[Finding]:
    """Look at a board, most basic things first.  needs: None to look only.  state: where slots are, as the board
    names it."""
    running = running or Running.here(state)
    features = cpu_features(root)
    yield _board(root)
    yield _architecture(needs, running)
    yield _release(needs, root)
    yield _python(needs, running)
    yield _glibc(needs, running)
    yield _cpu(needs, features)
    yield from _memory(needs, features, root)
    yield _cgroup(root)
    yield _disk(needs, running)
    yield _root(state, root)
    yield from _vitals(root)
    yield _clock(root, running)


def show(finding: Finding) -> str:
    """A finding as people read it, in one line or two."""
    line = f"{finding.verdict:<9}{finding.name + ':':<14}{finding.text}"
    return f"{line}\n{'':<23}{finding.next}" if finding.next else line


def _board(root: Path) -> Finding:
    # The device tree's strings end with a NUL.
    model = read_text(root / "proc/device-tree/model").strip("\0\n ")
    return Finding("board", "ok", model or "this machine does not say which it is")


def _architecture(needs: Needs | None, running: Running) -> Finding:
    text = f"{running.machine}, {running.bits}-bit programs"
    if needs and (running.machine != needs.arch or running.bits != 64):
        if running.bits == 32 and running.machine in (needs.arch, "armv7l", "armv6l", "armv8l"):
            return Finding(
                "architecture",
                "refusal",
                f"{text}: the operating system is a 32-bit one, whatever its kernel is",
                f"flash the 64-bit image of {needs.release}",
            )
        return Finding(
            "architecture", "refusal", f"{text}; the bundle is for {needs.arch}", "build the bundle for this target"
        )
    return Finding("architecture", "ok", text)


def _release(needs: Needs | None, root: Path) -> Finding:
    told = dict(line.partition("=")[::2] for line in read_text(root / "etc/os-release").splitlines())
    name, code = told.get("PRETTY_NAME", "unknown").strip('"'), told.get("VERSION_CODENAME", "").strip('"')
    if needs and code != needs.release:
        # Python and glibc are what the wheels are built for, and those are looked at by themselves.
        return Finding(
            "system", "warning", f"{name}; the bundle was made for {needs.release}", "nobody tried it on this one"
        )
    return Finding("system", "ok", name)


def _python(needs: Needs | None, running: Running) -> Finding:
    if needs and running.python != needs.python:
        return Finding(
            "python",
            "refusal",
            f"{running.python}; the bundle's wheels are for {needs.python}",
            f"build the bundle for this system's release, or flash {needs.release}",
        )
    return Finding("python", "ok", running.python)


def _glibc(needs: Needs | None, running: Running) -> Finding:
    text = running.glibc or "none: this system has another C library"
    if needs and (not running.glibc or _version(running.glibc) < _version(needs.glibc)):
        return Finding(
            "glibc", "refusal", f"{text}; the wheels need {needs.glibc} or newer", f"flash {needs.release} or newer"
        )
    return Finding("glibc", "ok", text)


def _cpu(needs: Needs | None, features: frozenset[str]) -> Finding:
    missing = [feature for feature in needs.features if feature not in features] if needs else []
    if missing:
        return Finding(
            "processor",
            "refusal",
            f"it has no {', '.join(missing)}: the bundle's code would die of an illegal instruction (SIGILL)",
            "build the bundle for this board's target (boardwright targets)",
        )
    dot = "with" if "asimddp" in features else "without"
    return Finding("processor", "ok", f"{dot} dot products, {len(features)} features")


def _memory(needs: Needs | None, features: frozenset[str], root: Path) -> Iterator[Finding]:
    told = dict(line.partition(":")[::2] for line in read_text(root / "proc/meminfo").splitlines())
    total, available, swap = (_megabytes(told.get(name)) for name in ("MemTotal", "MemAvailable", "SwapTotal"))
    wanted = needs.ram_for(features) if needs else 0
    text = f"{available} of {total} MB are free" + (f"; the bundle holds up to {wanted} MB" if needs else "")
    if wanted > total:
        yield Finding(
            "memory", "refusal", f"{text}: more than this board has", "build with a smaller encoding, or for this board"
        )
    elif wanted > available:
        yield Finding("memory", "warning", text, "stop other services, or records will wait for the swap")
    else:
        yield Finding("memory", "ok", text)
    places = [line.split()[0] for line in read_text(root / "proc/swaps").splitlines()[1:] if line.split()]
    yield Finding("swap", "ok", f"{swap} MB on {', '.join(places)}" if places else "none")


def _cgroup(root: Path) -> Finding:
    controllers = read_text(root / "sys/fs/cgroup/cgroup.controllers").split()
    if "memory" in controllers:
        return Finding("memory limit", "ok", "systemd can hold the service to its share")
    return Finding(
        "memory limit",
        "warning",
        "the kernel was started without the memory cgroup: MemoryMax= does nothing, LimitAS= alone holds",
        f"add `{CGROUP_WORDS}` to the one line of /boot/firmware/cmdline.txt (Armbian: extraargs= of "
        "/boot/armbianEnv.txt) and restart",
    )


def _disk(needs: Needs | None, running: Running) -> Finding:
    wanted = needs.disk_mb if needs else 0
    text = f"{running.free_mb} MB are free" + (f"; the bundle takes {wanted} MB" if needs else "")
    if wanted > running.free_mb:
        return Finding("disk", "refusal", text, "make room, or grow the root partition (raspi-config)")
    return Finding("disk", "ok", text)


def _root(state: Path, root: Path) -> Finding:
    mounts = [line.split() for line in read_text(root / "proc/mounts").splitlines()]
    # Of several on one place the last hides the others; escapes (\040) stand only in names that are not ours.
    under = [mount for mount in mounts if len(mount) > 3 and state.is_relative_to(mount[1])]
    if not under:
        return Finding("file system", "ok", "the kernel does not tell")
    longest = max(len(mount[1]) for mount in under)
    _, place, kind, options = [mount for mount in under if len(mount[1]) == longest][-1][:4]
    words = options.split(",")
    if kind == "overlay" and _vanishes(words, mounts, root):
        return Finding(
            "file system",
            "refusal",
            f"{place} is an overlay in memory: what is installed vanishes with the next start",
            "switch the overlay off (raspi-config, or overlayroot=tmpfs in cmdline.txt), install, switch it on again",
        )
    if "ro" in words:
        return Finding("file system", "refusal", f"{place} is read-only", f"mount -o remount,rw {place}")
    if kind in IN_MEMORY:
        return Finding("file system", "warning", f"{place} is in memory: what is there vanishes with the next start")
    return Finding("file system", "ok", f"{kind} on {place}, writable")


def _vanishes(options: list[str], mounts: list[list[str]], root: Path) -> bool:
    # boot=overlay: how raspi-config did it before Bookworm.
    words = read_text(root / "proc/cmdline").split()
    if "boot=overlay" in words or any(word.startswith("overlayroot=tmpfs") for word in words):
        return True
    upper = next((Path(word.partition("=")[2]) for word in options if word.startswith("upperdir=")), None)
    if upper is None:
        return False
    holds = [(len(mount[1]), mount[2]) for mount in mounts if len(mount) > 3 and upper.is_relative_to(mount[1])]
    return bool(holds) and max(holds)[1] in IN_MEMORY


def _vitals(root: Path) -> Iterator[Finding]:
    vitals = read_vitals(root / "sys", root / "proc")
    word = vitals.throttle
    if word is None:
        yield Finding("power", "ok", "this board does not tell")
    elif now := [name for bit, name in enumerate(FLAGS) if word >> bit & 1]:
        yield Finding("power", "warning", f"now: {', '.join(now)}", "another power supply or cable; cool the board")
    elif since := [name for bit, name in enumerate(FLAGS) if word >> 16 + bit & 1]:
        yield Finding("power", "warning", f"since it was started: {', '.join(since)}", "check supply and cooling")
    else:
        yield Finding("power", "ok", "no under-voltage and no throttling since it was started")
    if vitals.temperature_c is None:
        yield Finding("temperature", "ok", "this board does not tell")
    elif vitals.temperature_c >= HOT_C:
        yield Finding("temperature", "warning", f"{vitals.temperature_c:.0f} °C: it slows down", "cool the board")
    else:
        yield Finding("temperature", "ok", f"{vitals.temperature_c:.0f} °C")


def _clock(root: Path, running: Running) -> Finding:
    harmless = "nothing of ours trusts it, but certificates and the times of files are wrong"
    if running.year < FIRST_YEAR:
        return Finding("clock", "warning", f"it says {running.year}: {harmless}", "set it: date -s, or by network")
    if not (root / "run/systemd/timesync/synchronized").exists() and not any(root.glob("sys/class/rtc/rtc*")):
        return Finding("clock", "warning", f"no battery, and not synchronised since the start: {harmless}")
    return Finding("clock", "ok", f"it says {running.year}")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


def _megabytes(value: str | None) -> int:
    """10^6 bytes of a line of /proc/meminfo ("  948304 kB", which are KiB)."""
    words = (value or "").split()
    return int(words[0]) * 1024 // 10**6 if words and words[0].isdecimal() else 0


def _nearest(place: Path) -> Path:
    """The folder itself, or the nearest above it that exists."""
    return next(one for one in (place, *place.absolute().parents) if one.is_dir())
