"""What is a card, what it is called, and what speaks against a disk, as the kernels of real machines tell it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boardwright.build.disks import Disk, Machine, disks_json, disks_text, objections
from boardwright.schemas.errors import KitError
from tests.build.loops import tree

USB = "devices/pci0/usb1/1-2"
# A workstation: a USB reader with a card and one without, an SD slot, an eMMC, a USB SSD, an encrypted system disk with
# volumes on it, half a RAID, a disk of btrfs, swap, and what is no disk.
SYSFS: dict[str, str | int] = {
    f"{USB}/idVendor": "0bda",
    f"{USB}/serial": "20120926571200000",
    f"{USB}/host6/6:0:0:0/vendor": "Generic ",
    f"{USB}/host6/6:0:0:0/model": "STORAGE DEVICE  ",
    "block/sdb/removable": 1,
    "block/sdb/size": 62333952,
    "block/sdb/sdb1/partition": 1,
    "block/sdb/sdb1/dev": "8:17",
    "block/sdc/removable": 1,
    "block/sdc/size": 0,
    "block/mmcblk0/size": 31116288,
    "block/mmcblk0/removable": 0,
    "block/mmcblk0/device/type": "SD",
    "block/mmcblk0/device/name": "SC16G",
    "block/mmcblk0/device/serial": "0x4d9b1c21",
    "block/mmcblk1/size": 61079552,
    "block/mmcblk1/removable": 0,
    "block/mmcblk1/device/type": "MMC",
    "block/mmcblk1/device/name": "DG4032",
    "block/sda/size": 1000215216,
    "block/sda/removable": 0,
    "block/sda/device/model": "Samsung SSD 870 ",
    "block/sda/sda1/partition": 1,
    "block/sda/sda1/dev": "8:1",
    "block/sda/sda2/partition": 2,
    "block/sda/sda2/holders/dm-0": "",
    "block/dm-0/dev": "253:0",
    "block/dm-0/slaves/sda2": "",
    "block/dm-0/holders/dm-1": "",
    "block/dm-0/dm/uuid": "CRYPT-LUKS2-4711",
    "block/dm-0/dm/name": "root_crypt",
    "block/dm-1/dev": "253:1",
    "block/dm-1/dm/uuid": "LVM-4712",
    "block/dm-1/slaves/dm-0": "",
    "block/sdd/size": 7814037168,
    "block/sdd/holders/md0": "",
    "block/sdd/ro": 1,
    "block/md0/md/level": "raid1",
    "block/nvme0n1/size": 2000409264,
    "block/nvme0n1/device/model": "WD Blue",
    "block/nvme0n1/device/serial": "2149AB  ",
    "block/nvme0n1/nvme0n1p1/partition": 1,
    "block/nvme0n1/nvme0n1p1/dev": "259:1",
    "block/sr0/size": 2097151,
    "block/sr0/removable": 1,
    "block/zram0/size": 4096,
}
MOUNTINFO = r"""22 1 253:1 / / rw shared:1 - ext4 /dev/mapper/vg-root rw
23 22 8:1 / /boot/efi rw - vfat /dev/sda1 rw
24 22 0:41 / /data\040of\040mine rw shared:2 - btrfs /dev/nvme0n1p1 rw
25 22 0:5 / /sys rw - sysfs sysfs rw
"""
SWAPS = "Filename\tType\tSize\n/dev/mmcblk1 partition 100 0 -2\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    sys = tree(tmp_path / "sys", SYSFS)
    for number, place in enumerate(sorted((sys / "block").iterdir())):
        for name, value in (("dev", f"8:{16 * number + 200}"), ("ro", "0"), ("diskseq", "7")):
            if not (place / name).exists():
                (place / name).write_text(f"{value}\n")
    (sys / "block/sdb/device").symlink_to(sys / USB / "host6/6:0:0:0")
    (sys / "block/sda/device/vpd_pg80").write_bytes(b"\0\x80\0\x10S5Y2NX0R  \x1b[2J ")
    proc = tree(tmp_path / "proc", {"self/mountinfo": MOUNTINFO, "swaps": SWAPS})
    return Machine(sys, proc, tmp_path / "dev")


@pytest.fixture
def disks(machine: Machine) -> dict[str, Disk]:
    return {disk.name: disk for disk in machine.disks()}


def test_disks_with_something_in_them_are_listed_cards_first(disks: dict[str, Disk]) -> None:
    assert list(disks) == ["mmcblk0", "sdb", "mmcblk1", "nvme0n1", "sda", "sdd"]


@pytest.mark.parametrize(
    ("name", "bus", "size", "model", "token"),
    [
        ("sdb", "usb", "31.9 GB", "Generic STORAGE DEVICE", "20120926571200000"),
        ("mmcblk0", "mmc", "15.9 GB", "SC16G", "0x4d9b1c21"),
        ("mmcblk1", "mmc", "31.3 GB", "DG4032", "mmcblk1-31272730624"),
        ("sda", "scsi", "512.1 GB", "Samsung SSD 870", "S5Y2NX0R  [2J"),
        ("nvme0n1", "nvme", "1024.2 GB", "WD Blue", "2149AB"),
    ],
)
def test_a_disk_has_a_name_to_tell_it_by(
    disks: dict[str, Disk], name: str, bus: str, size: str, model: str, token: str
) -> None:
    disk = disks[name]
    assert (disk.bus, disk.model, disk.token) == (bus, model, token)
    assert size in disk.text and model in disk.text


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("sdb", []),
        ("mmcblk0", []),
        ("mmcblk1", ["this system swaps to it", "it is not removable"]),
        ("sda", ["this system runs from it (/, /boot/efi)", "it is part of dm-0 (CRYPT root_crypt)"]),
        ("sdd", ["it is part of md0 (raid1)", "it is read-only (a card has a switch for that)"]),
        ("nvme0n1", ["it is mounted at /data of mine", "it is not removable"]),
    ],
)
def test_what_speaks_against_it(disks: dict[str, Disk], name: str, why: list[str]) -> None:
    found = list(objections(disks[name]))
    assert found[: len(why)] == why and bool(found) == bool(why)
    assert "it is not removable" not in objections(disks[name], allow_fixed=True)


def test_mounts_that_only_the_host_of_a_container_sees(machine: Machine) -> None:
    tree(machine.proc, {"1/mountinfo": "9 1 8:17 / /media/card rw - vfat /dev/sdb1 rw"})
    (sdb,) = [disk for disk in machine.disks() if disk.name == "sdb"]
    assert list(objections(sdb)) == ["it is mounted at /media/card"]


def test_a_loop_device_over_a_partition_uses_the_disk(machine: Machine) -> None:
    tree(machine.sys, {"block/loop3/loop/backing_file": "/dev/sdb1", "block/loop3/size": 0})
    (sdb,) = [disk for disk in machine.disks() if disk.name == "sdb"]
    assert list(objections(sdb)) == ["it is part of loop3"]


def test_the_list_says_which_can_be_taken(machine: Machine) -> None:
    lines = {line.split()[0].rpartition("/")[2]: line for line in disks_text(machine).splitlines()}
    assert lines["sdb"].split()[-2:] == ["20120926571200000", "yes"]
    assert lines["sda"].endswith("no: this system runs from it (/, /boot/efi)")
    told = {Path(one["device"]).name: one for one in json.loads(disks_json(machine))}
    assert told["mmcblk0"]["objections"] == [] and told["mmcblk0"]["bytes"] == 31116288 * 512
    assert set(told) == set(lines) - {"disk"}


def test_what_is_no_disk_is_said(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, why in ((tmp_path / "file", "not a disk"), (tmp_path, "not a disk"), (tmp_path / "none", "no such disk")):
        with pytest.raises(KitError, match=why):
            machine.disk(path)
