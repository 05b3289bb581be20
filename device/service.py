"""The systemd unit that keeps the harness loaded and turns the inbox into the outbox.

Knows nothing of bundles beyond the memory they need. Everything here may be done again and changes nothing then.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from boardwright.device.slots import State
from boardwright.schemas.durable import disk, make_folder, replace_text, sync_folder
from boardwright.schemas.errors import InstallFailed, KitError
from boardwright.schemas.steps import step

UNIT = "boardwright.service"
USER = "boardwright"
PROGRAM = "usr/local/bin/boardwright-device"
# Documents and their records beside the contract, which is of the harness at its documents' longest.
MEMORY_HEAD_ROOM = 1.25
# Address space beside what is resident: programs and libraries, 8 MiB of stack and 64 MiB of malloc arena a thread,
# most of it never touched. Measured with 2 threads on x86-64: 566 MB of it for 235 MB resident. This leaves room for
# eight threads and more, for it only has to catch a leak before the board swaps itself to death.
ADDRESS_SPACE_MB = 2048

TEMPLATE = """\
# Written by `boardwright-device install`; the next install writes it again.
[Unit]
Description=boardwright: documents in {state}/inbox become records in {state}/outbox
ConditionPathExists={state}/active

[Service]
# READY is sent when the model is loaded and its prompt is certified.
Type=notify
ExecStart={state}/active/venv/bin/boardwright-device watch
Environment=BOARDWRIGHT_STATE={state} BOARDWRIGHT_KEYS=/etc/boardwright
Restart=on-failure
RestartSec=5
TimeoutStartSec=300
# SIGTERM lets it finish the document at hand.
TimeoutStopSec=120
User={user}

# What the bundle was built to hold, with head room. Raspberry Pi OS starts with the memory cgroup off, and MemoryMax=
# does nothing there: LimitAS= holds on every kernel. It counts address space, mapped weights and stacks included.
MemoryMax={memory_mb}M
LimitAS={address_mb}M
OOMPolicy=stop

NoNewPrivileges=yes
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX
ProtectSystem=strict
ReadWritePaths={state}/inbox {state}/outbox {state}/failed
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
CapabilityBoundingSet=
SystemCallArchitectures=native
SystemCallFilter=@system-service
# No MemoryDenyWriteExecute=: ctypes makes its callbacks executable at run time.

[Install]
WantedBy=multi-user.target
"""


def unit(state: State, ram_mb: int, user: str = USER) -> str:
    """The unit's text.  ram_mb: the RAM contract on this board, in MB (10^6 bytes)."""
    if any(c.isspace() or c in "%\"'\\" for c in str(state.folder)):
        raise KitError(
            "systemd would read this path differently.", value=str(state.folder), allowed="no spaces, quotes or %"
        )
    memory_mb = _mebibytes(ram_mb * MEMORY_HEAD_ROOM)
    return TEMPLATE.format(
        state=state.folder, user=user, memory_mb=memory_mb, address_mb=2 * memory_mb + ADDRESS_SPACE_MB
    )


def set_up(state: State, ram_mb: int, root: Path = Path("/")) -> None:
    """Write the unit, its user and folders, link the program into the path, and start it on a board that runs systemd.

    root: of the system; another than / is an image or a test, where nothing is started. Raises KitError, NoSpace,
    InstallFailed."""
    text = unit(state, ram_mb)
    with step(f"Set up {UNIT}") as running, disk(root, "set up the service"):
        if root == Path("/"):
            _make_user(state)
        _make_folders(state, root)
        _link(root / PROGRAM, state.folder / "active" / "venv" / "bin" / "boardwright-device")
        file = root / "etc/systemd/system" / UNIT
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            replace_text(file, text)
        if root != Path("/") or not Path("/run/systemd/system").is_dir():
            running.note("systemd does not run here: the unit was written, not started")
            return
        # Without --no-block: it is READY when the model is loaded, and so is the install.
        for words in (["daemon-reload"], ["enable", UNIT], ["restart", UNIT]):
            _systemctl(words)


def _make_user(state: State) -> None:
    try:
        pwd.getpwnam(USER)
        return
    except KeyError:
        pass
    # Not DynamicUser=: it would move the state folder to /var/lib/private, away from who puts documents there.
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    ran = subprocess.run([*command, "--home-dir", str(state.folder), USER], capture_output=True, text=True)
    if ran.returncode:
        raise KitError(f"Cannot add the user {USER}.", value=ran.stderr.strip(), next="run this as root")


def _make_folders(state: State, root: Path) -> None:
    for folder, mode in ((state.inbox, 0o1777), (state.outbox, 0o755), (state.failed, 0o755)):
        make_folder(folder)
        if root == Path("/"):
            shutil.chown(folder, USER, USER)
        # Like /tmp: every user of the board may put documents in, and take back none but their own.
        folder.chmod(mode)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    if os.path.lexists(link) and not link.is_symlink():
        raise KitError("Something else has this name.", where=link, next="move it away, then install again")
    make_folder(link.parent)
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
    sync_folder(link.parent)


def _systemctl(words: list[str]) -> None:
    ran = subprocess.run(["systemctl", *words], capture_output=True, text=True)
    if ran.returncode:
        raise InstallFailed(
            f"The bundle is installed, but `systemctl {' '.join(words)}` failed.",
            value=(ran.stderr.strip().splitlines() or ["no reason given"])[-1],
            next=f"journalctl -u {UNIT}",
        )


def _mebibytes(megabytes: float) -> int:
    """systemd's M is 2^20 bytes."""
    return -int(-megabytes * 10**6 // 2**20)
