"""The disks of this machine: which is a card, and why another must not be written to.

Knows nothing of images, and opens no disk. Sources: the kernel's sysfs (Documentation/ABI/stable/sysfs-block) and
/proc/self/mountinfo, /proc/swaps; what lies on a disk unused, `wipefs` of util-linux tells.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from boardwright.build.summary import table
from boardwright.device.sysfs import read_number
from boardwright.schemas.errors import KitError

# Made of memory, of other disks or of discs: nothing that a board boots from.
NO_DISK = ("ram", "zram", "dm-", "md", "sr", "fd", "mtd", "nbd")
BUSES = {"mmcblk": "mmc", "nvme": "nvme", "vd": "virtio", "loop": "loop"}
SYSTEM = {"/", "/boot", "/boot/efi", "/boot/firmware", "/usr", "/var", "/home", "/nix"}
SECTOR = 512  # the unit of sysfs' `size`, whatever the disk's own sectors are
SWAP = "[swap]"


@dataclass(frozen=True)
class Disk:
    """number: as in st_rdev.  size: bytes.  serial: a loop device's is its backing file; "" where there is none.
    card: made to be pulled out.  names: its own and its partitions'.  mounts: where it, or what lies on top of it, is
    mounted.  holders: devices made of it.  sequence: counts what was put in, on every kernel since 5.15."""

    name: str
    path: Path
    number: int
    size: int
    model: str
    serial: str
    bus: str
    card: bool
    read_only: bool
    names: tuple[str, ...]
    mounts: tuple[str, ...]
    holders: tuple[str, ...]
    sequence: int | None

    @property
    def token(self) -> str:
        """What to type to say that this is the one: its serial, or its name and bytes where it has none."""
        return self.serial or f"{self.name}-{self.size}"

    @property
    def text(self) -> str:
        return f"{self.path}, {size_text(self.size)}, {self.model or 'no model'}, serial {self.serial or 'none'}"


@dataclass(frozen=True)
class Machine:
    """Where the kernel tells of its disks."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")

    def disks(self) -> list[Disk]:
        """All disks with something in them, cards first."""
        found = [self._disk(place) for place in sorted((self.sys / "block").iterdir()) if _is_disk(place)]
        return sorted((disk for disk in found if disk.size), key=lambda disk: (not disk.card, disk.name))

    def disk(self, device: Path) -> Disk:
        """The disk that `device`, or the link that it is, leads to. Raises KitError for anything else."""
        try:
            status = device.stat()
        except OSError as error:
            raise self._no_disk(f"There is no such disk: {error.strerror}.", device) from error
        if not stat.S_ISBLK(status.st_mode):
            raise self._no_disk("This is not a disk.", device)
        for place in (self.sys / "block").iterdir():
            if _number(place) == status.st_rdev:
                if not _is_disk(place):
                    raise self._no_disk("This is not a disk but made of others, or of memory.", device)
                return self._disk(place)
            for partition in _partitions(place):
                if _number(partition) == status.st_rdev:
                    raise self._no_disk(f"This is a partition of {self.dev / place.name}.", device)
        raise self._no_disk("The kernel does not list this disk.", device)

    def _no_disk(self, what: str, device: Path) -> KitError:
        return KitError(what, where=device, allowed="a whole disk, as in /dev/sdb", next="boardwright flash --list")

    def _disk(self, place: Path) -> Disk:
        name = place.name
        device = place / "device"
        bus = next((bus for prefix, bus in BUSES.items() if name.startswith(prefix)), "scsi")
        usb = next((up for up in (device.resolve(), *device.resolve().parents) if (up / "idVendor").exists()), None)
        model, serial = _text(device / "model"), _text(device / "serial") or _text(place / "serial")
        if usb is not None:
            bus, serial = "usb", _text(usb / "serial")
            model = " ".join(filter(None, [_text(device / "vendor"), model])) or _text(usb / "product")
        elif bus == "mmc":
            model = _text(device / "name")
        elif bus == "loop":
            model, serial = "loop device", _text(place / "loop" / "backing_file")
        elif bus == "scsi":
            serial = serial or _page_80(device / "vpd_pg80")
        names = (name, *(partition.name for partition in _partitions(place)))
        holders = tuple(sorted({holder for one in names for holder in self._holders(place, one)}))
        return Disk(
            name=name,
            path=self.dev / name,
            number=_number(place) or 0,
            size=(read_number(place / "size") or 0) * SECTOR,
            model=model,
            serial=serial,
            bus=bus,
            # A slot on the board's own bus says of an SD card that it stays; an eMMC there does stay.
            card=bus == "usb" or read_number(place / "removable") == 1 or _text(device / "type") == "SD",
            read_only=read_number(place / "ro") != 0,
            names=names,
            mounts=tuple(self._mounts({*names, *self._above(holders)})),
            holders=tuple(self._holder_text(holder) for holder in holders),
            sequence=read_number(place / "diskseq"),
        )

    def _holders(self, place: Path, name: str) -> Iterator[str]:
        folder = place if name == place.name else place / name
        if (folder / "holders").is_dir():
            yield from os.listdir(folder / "holders")
        # A loop device does not claim what it is laid over.
        for other in (self.sys / "block").glob("loop*"):
            if self._device(_text(other / "loop" / "backing_file")) == name:
                yield other.name

    def _above(self, holders: Sequence[str]) -> Iterator[str]:
        """Names of all that is built on the holders, themselves among it."""
        for holder in holders:
            yield holder
            place = self.sys / "block" / holder
            for name in (holder, *(partition.name for partition in _partitions(place))):
                yield from self._above(list(self._holders(place, name)))

    def _holder_text(self, holder: str) -> str:
        place = self.sys / "block" / holder
        kind = _text(place / "dm" / "uuid").partition("-")[0] or _text(place / "md" / "level")
        return f"{holder} ({kind} {_text(place / 'dm' / 'name')}".rstrip() + ")" if kind else holder

    def _mounts(self, names: set[str]) -> Iterator[str]:
        """Sorted. By number and by name: btrfs gives its own numbers, an initramfs its own names."""
        numbers = {_text(place / "dev") for name in names if (place := self._place(name))}
        found = set()
        # Process 1 sees what this one does not, where this one is in a container.
        for file in (self.proc / "self" / "mountinfo", self.proc / "1" / "mountinfo"):
            for line in _lines(file):
                before, _, after = line.partition(" - ")
                number, where, source = before.split(" ")[2], before.split(" ")[4], after.split(" ")[1]
                if number in numbers or self._device(source) in names:
                    found.add(_unescaped(where))
        for line in _lines(self.proc / "swaps")[1:]:
            if self._device(line.split()[0]) in names:
                found.add(SWAP)
        yield from sorted(found)

    def _device(self, source: str) -> str | None:
        """Name of the device that a path in /dev leads to; the kernel tells paths as they are on its own machine."""
        path = Path(_unescaped(source))
        return (self.dev / path.relative_to("/dev")).resolve().name if path.is_relative_to("/dev") else None

    def _place(self, name: str) -> Path | None:
        return next(
            (place for place in (self.sys / "block" / name, *(self.sys / "block").glob(f"*/{name}")) if place.is_dir()),
            None,
        )


def objections(disk: Disk, *, allow_fixed: bool = False) -> Iterator[str]:
    """Why this disk must not be written to, the gravest first; nothing where it may."""
    system = sorted(SYSTEM.intersection(disk.mounts))
    if system:
        yield f"this system runs from it ({', '.join(system)})"
    others = [mount for mount in disk.mounts if mount not in (*system, SWAP)]
    if others:
        yield f"it is mounted at {', '.join(others)}"
    if SWAP in disk.mounts:
        yield "this system swaps to it"
    if disk.holders:
        yield f"it is part of {', '.join(disk.holders)}"
    if not disk.size:
        yield "there is no card in it"
    if disk.read_only:
        yield "it is read-only (a card has a switch for that)"
    if not disk.card and not allow_fixed:
        yield "it is not removable"


def refusal(disk: Disk, why: str) -> KitError:
    """The same words for every disk that is not written to, with what would help."""
    helps = "boardwright flash --list shows the cards"
    if "mounted" in why:
        helps = f"umount {' '.join(str(disk.path.parent / name) for name in disk.names)}"
    elif "swaps" in why:
        helps = f"swapoff {' '.join(str(disk.path.parent / name) for name in disk.names)}"
    elif "not removable" in why:
        helps = "is it the right one? Then add --allow-fixed"
    return KitError(f"This disk is not written to: {why}.", where=disk.text, next=helps)


def check_contents(disk: Disk) -> None:
    """Refuse a disk that carries a part of a RAID, a volume group or an encrypted disk, in use or not: what is lost
    with it lies on other disks too. Raises KitError."""
    program = shutil.which("wipefs", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]))
    if program is None:
        raise KitError(
            "Cannot see what is on the disk: there is no wipefs.",
            where=disk.path,
            next="install util-linux",
        )
    command = [program, "--json", "--output", "DEVICE,TYPE,USAGE"]
    devices = [path for name in disk.names if (path := disk.path.parent / name).exists()]
    told = subprocess.run([*command, *map(str, devices)], capture_output=True, text=True, check=False)
    if told.returncode:
        raise KitError(
            "Cannot see what is on the disk.",
            where=disk.path,
            value=told.stderr.strip(),
            next="take the card out and put it in again",
        )
    for found in json.loads(told.stdout or "{}").get("signatures", []):
        if found["usage"] in ("raid", "crypto") or found["type"] in ("zfs_member", "bcache"):
            where = disk.path.parent / found["device"]
            raise KitError(
                f"This disk is not written to: {where.name} is part of something ({found['type']}).",
                where=disk.text,
                next=f"if nothing of it is needed: wipefs --all {where}",
            )


def disks_text(machine: Machine | None = None) -> str:
    rows = []
    for disk in (machine or Machine()).disks():
        why = next(objections(disk), "")
        rows.append([str(disk.path), size_text(disk.size), disk.model, disk.token, f"no: {why}" if why else "yes"])
    return table(["disk", "size", "model", "serial", "card"], rows, right=(1,)) if rows else "No disk is there."


def disks_json(machine: Machine | None = None) -> str:
    return json.dumps(
        [
            {
                "device": str(disk.path),
                "bytes": disk.size,
                "model": disk.model,
                "serial": disk.token,
                "bus": disk.bus,
                "card": disk.card,
                "objections": list(objections(disk)),
            }
            for disk in (machine or Machine()).disks()
        ]
    )


def size_text(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _is_disk(place: Path) -> bool:
    slaves = place / "slaves"
    return not place.name.startswith(NO_DISK) and not (slaves.is_dir() and os.listdir(slaves))


def _partitions(place: Path) -> list[Path]:
    return sorted(file.parent for file in place.glob("*/partition"))


def _number(place: Path) -> int | None:
    major, _, minor = _text(place / "dev").partition(":")
    return os.makedev(int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def _text(file: Path) -> str:
    """On one line and without control characters: it comes from whatever is plugged in, and goes to a terminal."""
    try:
        return "".join(one for one in file.read_text("utf-8", "replace").strip() if one.isprintable())
    except OSError:
        return ""


def _page_80(file: Path) -> str:
    """SPC-4, 7.8.15: the unit serial number behind four bytes of header."""
    try:
        page = file.read_bytes()
    except OSError:
        return ""
    return "".join(one for one in page[4:].decode("ascii", "replace").strip("\0 ") if one.isprintable())


def _lines(file: Path) -> list[str]:
    """Not splitlines(): a mount point may hold what Unicode takes for the end of a line."""
    try:
        return [line for line in file.read_text("utf-8", "surrogateescape").split("\n") if line.strip()]
    except OSError:
        return []


def _unescaped(text: str) -> str:
    """/proc writes blanks and backslashes as \\040 and the like."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
