"""Which OS an image holds, told by the files in it and never by its name; and whether we know how to work on it.

Knows nothing of bundles. A new kind of image is a new line in KINDS.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from boardwright.build.board_setup import Setup
from boardwright.build.disk_image import Partition, Table, content_of, read_table
from boardwright.build.ext4 import Ext4
from boardwright.build.fat import Fat
from boardwright.build.first_boot import PRESETS, Before, Plan, by_cloud_init, by_firstrun, by_presets
from boardwright.schemas.errors import KitError


@dataclass(frozen=True)
class Kind:
    """root, boot: files that an image of this kind has, all of them.  layout: as board profiles name it.

    init_format: as Raspberry Pi Imager names the way in which such an image is set up; "none" for other boards."""

    title: str
    layout: str
    init_format: str
    root: tuple[str, ...]
    boot: tuple[str, ...]
    first_boot: Callable[[Setup, Before], Plan]


PI_BOOT = ("config.txt", "cmdline.txt")
PI_ROOT = ("/usr/lib/raspberrypi-sys-mods",)
# The first that fits is it: Raspberry Pi OS with cloud-init has the older way's files too.
KINDS = (
    Kind(
        "Raspberry Pi OS (cloud-init)",
        "raspios",
        "cloudinit-rpi",
        (*PI_ROOT, "/usr/bin/cloud-init"),
        PI_BOOT,
        by_cloud_init,
    ),
    Kind(
        "Raspberry Pi OS (firstrun.sh)",
        "raspios",
        "systemd",
        (*PI_ROOT, "/usr/bin/raspi-config", "/usr/lib/userconf-pi/userconf"),
        PI_BOOT,
        by_firstrun,
    ),
    Kind("Armbian", "armbian", "none", ("/etc/armbian-release", "/usr/lib/armbian/armbian-firstlogin"), (), by_presets),
)
# ELF's e_machine of 64-bit Linux, by what `uname -m` says.
MACHINES = {62: "x86_64", 183: "aarch64", 243: "riscv64"}
REFUSED = {
    "crypto_LUKS": "The root partition is encrypted (LUKS).",
    "LVM2_member": "The root partition is part of an LVM volume group.",
    "linux_raid_member": "The root partition is part of a RAID.",
}


@dataclass(frozen=True)
class Found:
    """An image that we can work on. pretty, codename: of its os-release."""

    kind: Kind
    table: Table
    root_partition: Partition
    root: Ext4
    boot: Fat | None
    pretty: str
    codename: str

    def before(self) -> Before:
        return Before(_boot_mount(self.root), self.root.read(PRESETS) or b"")

    def arch_of_python(self, version: str) -> str | None:
        """For which CPU the image's /usr/bin/pythonX.Y is, as `uname -m` says it; None when there is none."""
        binary = self.root.read(f"/usr/bin/python{version}", 1 << 26)
        if binary is None or binary[:4] != b"\x7fELF":
            return None
        machine = int.from_bytes(binary[18:20], "little")
        return MACHINES.get(machine, f"ELF machine {machine}") if binary[4] == 2 else "a 32-bit system"


def inspect(disk: Path) -> Found:
    """Look into an image. Raises KitError, in words, for one that we cannot or should not work on."""
    table = read_table(disk)
    contents = {one: content_of(disk, one) for one in table.partitions}
    fats = [Fat(disk, one.start, one.size) for one, content in contents.items() if content == "vfat"]
    boot = next((fat for fat in fats if fat.exists("cmdline.txt")), None)
    for partition, content in contents.items():
        root = Ext4(disk, partition.start)
        if content != "ext4":
            continue
        _sound(root, partition)
        release = _os_release(root)
        if release is None:
            continue
        for kind in KINDS:
            if all(map(root.exists, kind.root)) and all(boot and boot.exists(name) for name in kind.boot):
                pretty = release.get("PRETTY_NAME", "an unnamed OS")
                codename = release.get("VERSION_CODENAME", "")
                return Found(kind, table, partition, root, boot if kind.boot else None, pretty, codename)
        raise _unknown(release.get("PRETTY_NAME", "an unnamed OS"), root, boot)
    for content, words in REFUSED.items():
        if content in contents.values():
            raise KitError(words, value=content, allowed="a plain ext4 root partition", next="begin with a stock image")
    raise KitError(
        "There is no root file system with an os-release in this image.",
        value=", ".join(f"partition {one.number}: {content or 'unknown'}" for one, content in contents.items())
        or "no partitions",
        allowed="an ext4 root partition, of " + ", ".join(kind.title for kind in KINDS),
    )


def _sound(root: Ext4, partition: Partition) -> None:
    block = root.superblock()
    if block.size > partition.size:
        raise KitError(
            "The image is cut short: its file system is larger than its partition.",
            value=f"{block.size} bytes",
            allowed=f"{partition.size} bytes",
            next="download it again, and compare its checksum",
        )
    if "needs_recovery" in block.features:
        raise KitError(
            "The image was taken from a system that was not shut down: its journal is to be replayed first.",
            value="needs_recovery",
            next="begin with a stock image; or boot this one once more, shut it down, and take the image again",
        )
    root.check()


def _os_release(root: Ext4) -> dict[str, str] | None:
    raw = root.read("/etc/os-release") or root.read("/usr/lib/os-release")
    if raw is None:
        return None
    values = {}
    for line in raw.decode(errors="replace").splitlines():
        name, equals, value = line.partition("=")
        if equals and re.fullmatch(r"[A-Z_]+", name):
            with suppress(ValueError):  # quotes that do not end
                value = " ".join(shlex.split(value))
            values[name] = "".join(filter(str.isprintable, value))
    return values


def _boot_mount(root: Ext4) -> str:
    """Where the image's fstab puts its FAT partition: /boot/firmware since Bookworm, /boot before.

    It becomes part of a script, so a path that would need quotes is none."""
    for line in (root.read("/etc/fstab") or b"").decode(errors="replace").splitlines():
        fields = line.split()
        if len(fields) >= 3 and fields[2] == "vfat" and re.fullmatch(r"/boot[a-z0-9/_-]*", fields[1]):
            return fields[1]
    return "/boot/firmware"


def _unknown(pretty: str, root: Ext4, boot: Fat | None) -> KitError:
    marks = [path for path in dict.fromkeys(path for kind in KINDS for path in kind.root) if root.exists(path)]
    found = [pretty, *marks, *([name for name in PI_BOOT if boot.exists(name)] if boot else ["no FAT boot partition"])]
    return KitError(
        "This is a kind of image that we do not know.",
        value=", ".join(found),
        allowed="; ".join(f"{kind.title}: {', '.join([*kind.root, *kind.boot])}" for kind in KINDS),
    )
