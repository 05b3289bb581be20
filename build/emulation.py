"""Run an arm64 Python under qemu-user as a board's CPU would, and see what it touches.

Knows nothing of bundles. Emulation shows what is right and what it takes in memory, never how fast a board is.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from boardwright.schemas.errors import KitError
from boardwright.targets.profile import Target

QEMU = "qemu-aarch64-static"
# qemu-user with guest and host of 64 bits: what the guest maps lies below, qemu's own memory above.
GUEST_ENDS = 1 << 40
# Reading the maps of a process of 300 MB takes ten milliseconds, which it has to wait for: seldom in a long run.
LOOK_S, LOOK_SELDOM_S = 0.25, 2.0
# Implementer and part of /proc/cpuinfo (Linux, arch/arm64/include/asm/cputype.h) by qemu's name of the CPU.
PARTS = {
    "cortex-a53": "0xd03",
    "cortex-a55": "0xd05",
    "cortex-a72": "0xd08",
    "cortex-a76": "0xd0b",
    "neoverse-n1": "0xd0c",
}
_WRITES = re.compile(
    r"(?:openat\([^,]*,\"(?P<opened>[^\"]*)\",[^)]*O_(?:WRONLY|RDWR|CREAT)"
    r"|(?:mkdir|unlink|symlink|mknod)(?:at)?\((?:[^,\"]*,)?\"(?P<changed>[^\"]*)\""
    r"|renameat2?\([^,]*,\"[^\"]*\",[^,]*,\"(?P<renamed>[^\"]*)\").*= \d+"
)
_SOCKETS = re.compile(r"\bsocket\((?P<family>[A-Z_0-9a-z]+),")
HARMLESS = ("/dev/null", "/dev/tty")
# Of this machine alone: looking up a user's name opens one.
LOCAL = ("PF_UNIX", "PF_LOCAL")


@dataclass(frozen=True)
class Ran:
    """peak_rss_mb: of the guest's own mappings, MB (10^6).  sockets: address families asked for, beside local ones.
    written: absolute paths that were opened to write, made or removed.  signal: that killed the guest, 0 for none."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float
    peak_rss_mb: float
    sockets: tuple[str, ...]
    written: tuple[str, ...]

    @property
    def signal(self) -> int:
        return -self.returncode if self.returncode < 0 else max(0, self.returncode - 128)

    @property
    def illegal_instruction(self) -> bool:
        return self.signal == signal.SIGILL


def check_qemu() -> str:
    """The emulator's name and version. Raises KitError where qemu-user is missing."""
    if not shutil.which(QEMU):
        raise KitError("qemu-user is not installed.", value=QEMU, next="sudo apt-get install qemu-user-static")
    told = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=False).stdout
    return " ".join(told.split("(")[0].split())


def dress(root: Path, target: Target) -> None:
    """Put a board's own /proc/cpuinfo and /sys into the root: what asks the kernel, ONNX Runtime and ourselves among
    them, would else read this machine's and take the guest for an x86."""
    part = PARTS.get(target.cpu.qemu or "", "0xd03")
    block = (
        "processor\t: {}\nBogoMIPS\t: 108.00\n" + f"Features\t: {' '.join(target.cpu.features)}\n"
        "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\n"
        + f"CPU part\t: {part}\nCPU revision\t: 4\n\n"
    )
    cores = range(target.cpu.cores)
    files = {
        "proc/cpuinfo": "".join(block.format(core) for core in cores),
        "proc/device-tree/model": f"{target.board}\0",
        "sys/devices/system/cpu/online": f"0-{target.cpu.cores - 1}\n",
        "sys/devices/system/cpu/possible": f"0-{target.cpu.cores - 1}\n",
        "sys/devices/system/cpu/present": f"0-{target.cpu.cores - 1}\n",
        **{f"sys/devices/system/cpu/cpu{core}/cpu_capacity": "1024\n" for core in cores},
        **{f"sys/devices/system/cpu/cpu{core}/topology/core_id": f"{core}\n" for core in cores},
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def run_python(
    root: Path,
    cpu: str,
    python: str,
    arguments: Sequence[str],
    *,
    imports: Sequence[Path],
    environment: Mapping[str, str],
    limit_s: float,
    on_line: Callable[[str], None] = lambda line: None,
) -> Ran:
    """Run `pythonX.Y arguments` of the root on that CPU, as qemu names it.

    imports: folders of PYTHONPATH.  environment: all that the guest sees beside Python's own.  on_line: is handed each
    line of standard output as it comes.  Raises KitError when it takes longer than limit_s."""
    check_qemu()
    guest = {
        "PYTHONHOME": str(root / "usr"),
        "PYTHONPATH": os.pathsep.join(map(str, imports)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "LANG": "C.UTF-8",
        **environment,
    }
    with tempfile.TemporaryDirectory() as scratch:
        log, errors = Path(scratch) / "calls", Path(scratch) / "errors"
        command = [QEMU, "-strace", "-D", str(log), "-cpu", cpu, "-L", str(root)]
        command += [word for name, value in guest.items() for word in ("-E", f"{name}={value}")]
        command += [str(root / "usr/bin" / f"python{python}"), *arguments]
        started = time.monotonic()
        lines = []
        with (
            errors.open("wb") as stderr,
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                errors="replace",
                # Of this machine's environment nothing but the path to qemu: the guest would get it all.
                env={"PATH": os.environ.get("PATH", "")},
                cwd=scratch,
            ) as process,
        ):
            peak, alarm = _Peak(process.pid), threading.Timer(limit_s, process.kill)
            alarm.start()
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    lines.append(line)
                    on_line(line)
                process.wait()
            except BaseException:
                process.kill()
                raise
            finally:
                alarm.cancel()
                peak.stop()
        seconds = time.monotonic() - started
        if seconds >= limit_s:
            raise KitError("The emulated program did not come to an end.", where=cpu, value=f"{limit_s:.0f} s")
        calls = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        told = errors.read_text(encoding="utf-8", errors="replace")
    sockets, written = touched(calls, Path(scratch))
    return Ran(process.returncode, "".join(lines), told, seconds, peak.mb, sockets, written)


def touched(calls: str, cwd: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """From qemu's log of system calls: address families of sockets, and what was written, made or removed."""
    sockets, written = set(), set()
    for line in calls.splitlines():
        if found := _SOCKETS.search(line):
            sockets |= {found["family"]} - {*LOCAL}
        elif found := _WRITES.search(line):
            path = os.path.normpath(cwd / (found["opened"] or found["changed"] or found["renamed"] or "?"))
            if path not in HARMLESS:
                written.add(path)
    return tuple(sorted(sockets)), tuple(sorted(written))


class _Peak:
    """Watches the guest's resident memory from outside: qemu's own, translated code above all, is not the board's."""

    def __init__(self, pid: int) -> None:
        self.mb = 0.0
        self._maps = Path(f"/proc/{pid}/smaps")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        wait = LOOK_S
        while not self._done.wait(wait):
            wait = min(LOOK_SELDOM_S, 1.1 * wait)
            try:
                self.mb = max(self.mb, guest_rss(self._maps.read_text(encoding="ascii", errors="replace")))
            except OSError:
                return


def guest_rss(smaps: str) -> float:
    """MB (10^6) of resident memory in the guest's mappings, from /proc/PID/smaps of qemu-user."""
    total, inside = 0, False
    for line in smaps.splitlines():
        if line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024 if inside else 0
        elif "-" in (head := line.split(" ", 1)[0]) and not head.endswith(":"):
            inside = int(head.split("-")[0], 16) < GUEST_ENDS
    return total / 1e6
