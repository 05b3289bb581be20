"""Push: a bundle onto a board that is on the network, over plain ssh, and installed there.

Knows nothing of how the board installs it: bootstrap.py goes along and does that. What has arrived stays there until
the install is done, so a push that was cut off goes on where it was. Nothing on the board is active before its own
installer says so.
"""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from boardwright.build.ssh import LOST, Board, ConnectionLost
from boardwright.device import bootstrap
from boardwright.device.bundles import board_needs
from boardwright.device.doctor import Finding, Running, examine
from boardwright.device.needs import Needs
from boardwright.schemas.bundle import Bundle, open_bundle
from boardwright.schemas.errors import KitError
from boardwright.schemas.keys import trusted_keys
from boardwright.schemas.steps import step

# Under the user's home: root is needed only to install.
THERE = ".cache/boardwright-push"
MARK = "@@boardwright@@"
# What the doctor reads. Copied into a folder here, they are a board that can be looked at before anything is sent.
FILES = (
    "/proc/cpuinfo /proc/meminfo /proc/mounts /proc/swaps /proc/cmdline /proc/device-tree/model /etc/os-release "
    "/sys/fs/cgroup/cgroup.controllers /sys/class/thermal/thermal_zone*/temp /sys/class/rtc/rtc*/name "
    "/sys/devices/platform/soc*/soc*firmware/get_throttled /run/systemd/timesync/synchronized"
)
LOOK = f"""
say() {{ printf '\\n{MARK} %s\\n' "$*"; }}
for f in {FILES}; do [ -r "$f" ] && {{ say file "$f"; tr -d '\\000' < "$f"; }}; done
say machine "$(uname -m)"
say bits "$(getconf LONG_BIT)"
say python "$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)"
say glibc "$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2)"
d=STATE; while [ ! -d "$d" ]; do d=$(dirname "$d"); done
say free_kb "$(df -Pk "$d" | tail -n 1 | awk '{{print $4}}')"
say year "$(date -u +%Y)"
if [ "$(id -u)" = 0 ]; then say root yes; elif sudo -n true 2>/dev/null; then say root sudo; else say root no; fi
say arrived "$(wc -c < ~/{THERE}/NAME 2>/dev/null)"
"""


@dataclass(frozen=True)
class Parcel:
    """What is to go: a verified bundle, the sha256 of its file, and what it needs."""

    bundle: Bundle
    sha256: str
    needs: Needs

    @property
    def path(self) -> Path:
        return self.bundle.path

    @property
    def there(self) -> str:
        """Its place under the user's home on the board. Named by its hash: what lies there is a part of this file."""
        return f"{THERE}/{self.sha256[:16]}.bwb"


@dataclass(frozen=True)
class Seen:
    """A board before a push.  findings: of the doctor.  sudo: words before a command that needs root.
    arrived: bytes of this very file that are there already."""

    findings: tuple[Finding, ...]
    sudo: str
    arrived: int


def parcel(path: Path, key: Path | None = None) -> Parcel:
    """Verify a bundle before anybody is bothered with it. Raises BadBundle, KitError."""
    bundle = open_bundle(path, trusted_keys(key))
    needs = board_needs(bundle)
    with path.open("rb") as file:
        return Parcel(bundle, hashlib.file_digest(file, "sha256").hexdigest(), needs)


def look(board: Board, parcel: Parcel, root: str = "") -> Seen:
    """Look at a board without writing to it.  root: a folder there that stands for its root, for a trial.

    Raises ConnectionLost, KitError."""
    state = f"{root}{bootstrap.STATE}"
    script = LOOK.replace("STATE", shlex.quote(state)).replace("NAME", Path(parcel.there).name)
    with step(f"Look at {board.host}"), tempfile.TemporaryDirectory() as folder:
        told = _told(board.run(script).stdout, Path(folder))
        try:
            running = Running(
                told["machine"], int(told["bits"]), told["python"] or "none", told["glibc"],
                int(told["free_kb"]) * 1024 // 10**6, int(told["year"]),
            )  # fmt: skip
            may = told["root"]
        except (KeyError, ValueError) as error:
            raise KitError(
                "This does not look like a Linux board.", where=board.host, value=f"{type(error).__name__}: {error}"
            ) from None
        findings = tuple(examine(parcel.needs, Path(state), root=Path(folder), running=running))
    if may == "no" and not root:
        raise KitError(
            "Installing needs root there, and sudo asks for a password.",
            where=board.host,
            next="push as root@…, or let this user run sudo without one (Raspberry Pi OS does by default)",
        )
    return Seen(findings, "sudo -n " if may == "sudo" and not root else "", int(told.get("arrived") or 0))


def send(board: Board, parcel: Parcel, arrived: int) -> None:
    """Bring the bundle there, whole and verified; `arrived` bytes are there. Raises ConnectionLost, KitError."""
    size = parcel.path.stat().st_size
    if arrived > size:
        arrived = 0
    with step(f"Send {parcel.path.name} to {board.host}") as running:
        if arrived:
            running.note(f"{arrived / 1e6:.1f} of {size / 1e6:.1f} MB are there already")
        _append(board, parcel, arrived)
        if arrived and not _is_there(board, parcel):
            running.note("what was there is damaged: sending all of it")
            _append(board, parcel, 0)
            arrived = 0
        if not arrived and not _is_there(board, parcel):
            board.run(f"rm -f ~/{parcel.there}")
            raise KitError(
                "The bundle did not arrive as it was sent.",
                where=board.host,
                next="push again; if it stays like this, check the board's card and memory",
            )


def install(board: Board, parcel: Parcel, sudo: str, root: str = "", options: Sequence[str] = ()) -> int:
    """Install what has arrived; its output goes to ours. Returns the installer's exit code. Raises ConnectionLost."""
    with step("Send the installer and the public key"):
        for name, data in (
            ("bootstrap.py", Path(bootstrap.__file__).read_bytes()),
            ("signer.pub", parcel.bundle.key.encode()),
        ):
            with tempfile.TemporaryFile() as file:
                file.write(data)
                file.seek(0)
                for _ in board.feed(f"cat > ~/{THERE}/{name}", file):
                    pass
    trusted, library = f"{root}/etc/boardwright/trusted", f"{root}/usr/local/lib/boardwright"
    words = ["python3", f"{library}/bootstrap.py", "install", "--sha256", parcel.sha256, *options]
    if root:
        words = ["env", f"BOARDWRIGHT_KEYS={root}/etc/boardwright", *words, "--no-service"]
        words += ["--state", f"{root}{bootstrap.STATE}"]
    as_root = (
        f'set -e; cd "$1"; install -d -m 755 {shlex.quote(trusted)} {shlex.quote(library)}; '
        f"install -m 644 signer.pub {shlex.quote(f'{trusted}/{parcel.bundle.key.id}.pub')}; "
        f"install -m 644 bootstrap.py {shlex.quote(library)}; "
        f"exec {shlex.join(words)} {Path(parcel.there).name}"
    )
    # The user's own folder by its full name: root's ~ is another one.
    script = (
        f'cd && {sudo}sh -c {shlex.quote(as_root)} sh "$PWD/{THERE}"; code=$?; '
        f"[ $code = 0 ] && rm -rf ~/{THERE}; exit $code"
    )
    code = subprocess.run(board.command(script), stdin=subprocess.DEVNULL, check=False).returncode
    if code == LOST:
        raise ConnectionLost(
            "The connection ended while the board was installing: the old bundle is active there, or the new one.",
            where=board.host,
            next="push again: it goes on where it was",
        )
    return code if code >= 0 else 128 - code


def _append(board: Board, parcel: Parcel, offset: int) -> None:
    with step("Transfer") as running, parcel.path.open("rb") as file:
        size = parcel.path.stat().st_size
        file.seek(offset)
        done = offset
        running.progress(done, size)
        into = f"umask 077; mkdir -p ~/{THERE}; cat {'>>' if offset else '>'} ~/{parcel.there}"
        for count in board.feed(into, file):
            done += count
            running.progress(done, size)


def _is_there(board: Board, parcel: Parcel) -> bool:
    return board.run(f"sha256sum ~/{parcel.there}").stdout.split()[:1] == [parcel.sha256]


def _told(output: str, folder: Path) -> dict[str, str]:
    """What LOOK printed: values by name; files go into a folder. What the board's login scripts say comes before."""
    told: dict[str, str] = {}
    for part in output.split(f"\n{MARK} ")[1:]:
        head, _, body = part.partition("\n")
        name, _, value = head.partition(" ")
        if name == "file" and ".." not in value:
            file = folder / value.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(body, encoding="utf-8")
        else:
            told[name] = value.strip()
    return told
