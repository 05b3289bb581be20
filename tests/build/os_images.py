"""Small OS images of the three layouts, with the files that matter and some that are hard to carry; and a reader of
them that shares nothing with the code under test: the kernel's own for ext4, by way of a loop mount, and fat_reader."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.build.fat_reader import Fat32

MIB = 1 << 20
TOOLS = ("mke2fs", "mkfs.vfat", "mcopy", "sfdisk", "debugfs", "e2fsck", "resize2fs", "blkid", "fsck.fat", "xz")
DISK_ID = "0x4d8fd085"
PARTUUID = "4d8fd085-02"


def needs_tools() -> None:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=path)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def elf(machine: int = 183, bits: int = 2) -> bytes:
    """The beginning of a program for that CPU; 183 is aarch64."""
    return b"\x7fELF" + bytes([bits, 1, 1]) + bytes(9) + b"\x03\x00" + machine.to_bytes(2, "little") + bytes(44)


def os_release(name: str, codename: str) -> bytes:
    return f'PRETTY_NAME="{name} ({codename})"\nID=debian\nVERSION_CODENAME={codename}\n'.encode()


PI = {
    "usr/lib/raspberrypi-sys-mods/imager_custom": b"#!/bin/sh\n",
    "usr/bin/raspi-config": b"#!/bin/sh\n",
    "usr/lib/userconf-pi/userconf": b"#!/bin/sh\n",
    "etc/fstab": f"PARTUUID={PARTUUID[:-1]}1 /boot/firmware vfat defaults 0 2\n".encode(),
}
PI_BOOT = {
    "config.txt": b"arm_64bit=1\n",
    "cmdline.txt": f"console=tty1 root=PARTUUID={PARTUUID} rootfstype=ext4 rootwait quiet\n".encode(),
    "kernel8.img": bytes(range(256)) * 4000,
    "overlays/README": b"x\n" * 999,
}


@dataclass(frozen=True)
class Layout:
    """root, boot: files.  codename, python: of the OS.  start: of the root partition, in MiB."""

    name: str
    label: str
    codename: str
    python: str
    start: int
    root: dict[str, bytes]
    boot: dict[str, bytes] = field(default_factory=dict)


BOOKWORM = Layout("bookworm", "dos", "bookworm", "3.11", 48, PI, PI_BOOT)
TRIXIE = Layout(
    "trixie",
    "dos",
    "trixie",
    "3.13",
    48,
    PI | {"usr/bin/cloud-init": b"#!/usr/bin/python3\n", "etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg": b"#\n"},
    PI_BOOT
    | {"user-data": b"#cloud-config\n# nothing\n", "network-config": b"# none\n", "meta-data": b"dsmode: local\n"},
)
ARMBIAN = Layout(
    "armbian",
    "gpt",
    "trixie",
    "3.13",
    16,
    {
        "etc/armbian-release": b"BOARD=orangepi5\n",
        "usr/lib/armbian/armbian-firstlogin": b"#!/bin/bash\n",
        "root/.not_logged_in_yet": b"",
        "boot/armbianEnv.txt": b"verbosity=1\n",
    },
)
LAYOUTS = {layout.name: layout for layout in (BOOKWORM, TRIXIE, ARMBIAN)}


def make_image(
    folder: Path,
    layout: Layout,
    *,
    full: bool = False,
    change: dict[str, bytes | None] | None = None,
    start: int | None = None,
    label: str | None = None,
) -> Path:
    """`folder/<name>.img`.  full: nearly no room on its root.  change: files of the root to add, or with None to omit.

    start, label: in place of the layout's."""
    needs_tools()
    folder.mkdir(parents=True, exist_ok=True)
    tree, image = folder / "tree", folder / f"{layout.name}.img"
    start, label = start or layout.start, label or layout.label
    size = 40
    files = {
        "usr/lib/os-release": os_release("Debian GNU/Linux", layout.codename),
        f"usr/bin/python{layout.python}": elf(),
        "etc/systemd/system/multi-user.target.wants/ssh.service": b"",
        **layout.root,
        "usr/share/big": os.urandom((size - 7 if full else 6) * MIB),
    }
    for name, content in (files | (change or {})).items():
        if content is not None:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(content)
    _awkward(tree)
    text = f"label: {label}\nunit: sectors\n" + (f"label-id: {DISK_ID}\n" if label == "dos" else "first-lba: 34\n")
    if layout.boot:
        text += f"{8 * 2048},{(start - 8) * 2048},c\n"
    text += f"{start * 2048},{size * 2048},{'83' if label == 'dos' else ''}\n"
    with image.open("wb") as file:
        # What boot loaders of such boards keep between the table and the first partition.
        file.seek(64 * 512)
        file.write(b"boot loader" * 1000)
        file.truncate((start + size + (1 if label == "gpt" else 0)) * MIB)
    _run(["sfdisk", "-q", str(image)], given=text)
    part = folder / "part"
    _run(["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-m", "1", "-d", str(tree), str(part), f"{size}M"])
    _place(part, image, start * MIB)
    if layout.boot:
        part.unlink()
        with part.open("wb") as file:
            file.truncate((start - 8) * MIB)
        _run(["mkfs.vfat", "-F", "32", "-s", "1", "-n", "bootfs", str(part)])
        _run(["mmd", "-i", str(part), "::/overlays"])
        for name, content in layout.boot.items():
            (folder / "one").write_bytes(content)
            _run(["mcopy", "-i", str(part), str(folder / "one"), f"::/{name}"])
        _place(part, image, 8 * MIB)
    shutil.rmtree(tree)
    part.unlink()
    return image


def _awkward(tree: Path) -> None:
    """What a careless copy loses: links, owners, modes, holes, odd names, extended attributes."""
    place = tree / "usr" / "awkward"
    place.mkdir(parents=True)
    (tree / "etc" / "os-release").symlink_to("../usr/lib/os-release")
    (place / "long link").symlink_to("/nowhere/" + "x" * 90)
    (place / "setuid").write_bytes(b"#!/bin/sh\n")
    (place / "setuid").chmod(0o4755)
    os.link(place / "setuid", place / "same file")
    (place / "größe “ \\ $(x) `y`").write_bytes(b"odd name")
    with (place / "holes").open("wb") as file:
        file.seek(3 * MIB)
        file.write(b"end")
    os.mkfifo(place / "pipe")
    if os.geteuid() == 0:
        os.chown(place / "setuid", 1234, 5678)
    with suppress(OSError):  # a file system without any: the images then have none either
        os.setxattr(place / "setuid", "user.note", b"kept")


def _place(part: Path, image: Path, at: int) -> None:
    with part.open("rb") as source, image.open("r+b") as target:
        done = 0
        while chunk := source.read(MIB):
            if any(chunk):
                target.seek(at + done)
                target.write(chunk)
            done += len(chunk)


def partitions(image: Path) -> list[tuple[int, int]]:
    """Start and size in bytes, read from the table by sfdisk's dump."""
    dump = _run(["sfdisk", "-d", str(image)])
    found = []
    for line in dump.splitlines():
        if "start=" in line:
            values = dict(part.strip().split("=") for part in line.split(" : ")[1].split(",") if "=" in part)
            found.append((int(values["start"]) * 512, int(values["size"]) * 512))
    return found


@contextmanager
def mounted(image: Path, number: int, place: Path) -> Iterator[Path]:
    """The image's partition, read-only, by the kernel. Skips where that is not allowed."""
    start, size = partitions(image)[number]
    place.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-o", f"loop,ro,offset={start},sizelimit={size}", str(image), str(place)], capture_output=True
    )
    if done.returncode:
        pytest.skip(f"no loop mounts here: {done.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def listing(root: Path) -> dict[str, tuple[object, ...]]:
    """Every path with its kind, mode, owner, size, content or target, link count and extended attributes."""
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(folder, name)
            state = path.lstat()
            content = ""
            if stat.S_ISREG(state.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            elif stat.S_ISLNK(state.st_mode):
                content = str(path.readlink())
            try:
                attributes = {one: os.getxattr(path, one, follow_symlinks=False) for one in sorted(_attributes(path))}
            except OSError:
                attributes = {}
            size = 0 if path.is_dir() and not path.is_symlink() else state.st_size
            links = 0 if path.is_dir() and not path.is_symlink() else state.st_nlink
            found[f"/{path.relative_to(root)}"] = (
                oct(state.st_mode), state.st_uid, state.st_gid, size, links, content, tuple(attributes.items()),
            )  # fmt: skip
    return found


def _attributes(path: Path) -> list[str]:
    return os.listxattr(path, follow_symlinks=False)


def everything(image: Path, work: Path) -> dict[str, tuple[object, ...]]:
    """All files of all partitions, as "1:/etc/fstab"."""
    found: dict[str, tuple[object, ...]] = {}
    for number, (start, size) in enumerate(partitions(image)):
        with image.open("rb") as file:
            file.seek(start)
            if file.read(90)[82:87] == b"FAT32":
                file.seek(start)
                found |= {f"{number}:{path}": facts for path, facts in Fat32(file.read(size)).listing().items()}
                continue
        with mounted(image, number, work / "mounted") as root:
            found |= {f"{number}:{path}": facts for path, facts in listing(root).items()}
    return found


def _run(command: list[str], given: str = "") -> str:
    environment = os.environ | {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "MTOOLS_SKIP_CHECK": "1"}
    done = subprocess.run(command, input=given.encode(), capture_output=True, env=environment)
    assert done.returncode == 0, (command, done.stderr.decode())
    return done.stdout.decode()
