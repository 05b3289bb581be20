"""What `boardwright flash` refuses: real disks of the kernel, hashed before and after."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from boardwright.build.disks import Machine
from boardwright.build.flash import flash
from boardwright.schemas.errors import KitError
from tests.build.loops import SIZE, call, digest, given, loop, need_loops, partitioned, run, tree, used_disk


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_loops()
    return partitioned(tmp_path_factory.mktemp("image") / "board.img")


@pytest.fixture
def backing(tmp_path: Path) -> Path:
    return used_disk(tmp_path / "card.disk")


Case = Callable[[Path, Path], AbstractContextManager[list[object]]]
REFUSED: list[tuple[str, str, Case]] = []


def refused(why: str) -> Callable[[Callable[[Path, Path], Iterator[list[object]]]], None]:
    """A case: makes a disk over the backing file, and yields the arguments of flash. why: what the refusal says."""

    def add(case: Callable[[Path, Path], Iterator[list[object]]]) -> None:
        REFUSED.append((case.__name__, why, contextmanager(case)))

    return add


@refused("it is not removable")
def without_the_word(image: Path, backing: Path) -> Iterator[list[object]]:
    with loop(backing) as device:
        yield ["--device", device, "--serial", backing]


@refused("another disk's serial")
def wrong_serial(image: Path, backing: Path) -> Iterator[list[object]]:
    with loop(backing) as device:
        yield ["--device", device, "--allow-fixed", "--serial", "4711"]


@refused("Nobody is there to say")
def no_serial_and_no_terminal(image: Path, backing: Path) -> Iterator[list[object]]:
    with loop(backing) as device:
        yield ["--device", device, "--allow-fixed"]


@refused("it is mounted at ")
def mounted(image: Path, backing: Path) -> Iterator[list[object]]:
    point = backing.parent / "mounted here"
    point.mkdir()
    with loop(backing) as device:
        run("mkfs.ext4", "-q", "-F", device)
        run("mount", "-o", "ro", device, point)
        try:
            yield given(device, backing)
        finally:
            run("umount", point)


@refused("it is mounted at ")
def partition_mounted(image: Path, backing: Path) -> Iterator[list[object]]:
    point = backing.parent / "mounted"
    point.mkdir()
    with loop(backing, partitions=True) as device:
        run("mkfs.ext4", "-q", "-F", f"{device}p2")
        run("mount", "-o", "ro", f"{device}p2", point)
        try:
            yield given(device, backing)
        finally:
            run("umount", point)


@refused("busy")
def mounted_where_nobody_sees_it(image: Path, backing: Path) -> Iterator[list[object]]:
    point = backing.parent / "mounted"
    point.mkdir()
    with loop(backing) as device:
        run("mkfs.ext4", "-q", "-F", device)
        script = f"mount -o ro {device} {point} && echo done && read wait"
        other = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with other:
            assert other.stdout is not None and other.stdout.readline() == b"done\n"
            yield given(device, backing)


@refused("this system swaps to it")
def swap(image: Path, backing: Path) -> Iterator[list[object]]:
    with loop(backing) as device:
        run("mkswap", "-f", device)
        run("swapon", device)
        try:
            yield given(device, backing)
        finally:
            run("swapoff", device)


@refused("this system swaps to it")
def swap_on_a_partition(image: Path, backing: Path) -> Iterator[list[object]]:
    with loop(backing, partitions=True) as device:
        run("mkswap", f"{device}p1")
        run("swapon", f"{device}p1")
        try:
            yield given(device, backing)
        finally:
            run("swapoff", f"{device}p1")


@refused("busy")
def held_by_another_program(image: Path, backing: Path) -> Iterator[list[object]]:
    with loop(backing) as device:
        fd = os.open(device, os.O_RDONLY | os.O_EXCL)
        try:
            yield given(device, backing)
        finally:
            os.close(fd)


@refused("another program has locked it")
def locked_by_a_partitioner(image: Path, backing: Path) -> Iterator[list[object]]:
    with loop(backing) as device, device.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield given(device, backing)


@refused("it is read-only")
def read_only(image: Path, backing: Path) -> Iterator[list[object]]:
    with loop(backing, "--read-only") as device:
        yield given(device, backing)


@refused("larger than this disk")
def too_small(image: Path, backing: Path) -> Iterator[list[object]]:
    with loop(backing, "--sizelimit", str(image.stat().st_size - 512)) as device:
        yield given(device, backing)


@refused("This is a partition of /dev/loop")
def partition(image: Path, backing: Path) -> Iterator[list[object]]:
    with loop(backing, partitions=True) as device:
        yield given(Path(f"{device}p1"), backing)


@refused("This is not a disk")
def regular_file(image: Path, backing: Path) -> Iterator[list[object]]:
    yield given(backing, backing)


@refused("it is part of loop")
def under_another_loop_device(image: Path, backing: Path) -> Iterator[list[object]]:
    with loop(backing) as device, loop(device):
        yield given(device, backing)


@refused("is part of something (crypto_LUKS)")
def luks_closed(image: Path, backing: Path) -> Iterator[list[object]]:
    with backing.open("r+b") as file:
        file.write(b"LUKS\xba\xbe\0\1" + bytes(584))
    with loop(backing) as device:
        yield given(device, backing)


@refused("is part of something (LVM2_member)")
def volume_group_on_a_partition(image: Path, backing: Path) -> Iterator[list[object]]:
    with loop(backing, partitions=True) as device:
        # The label of a physical volume, in its second sector: its checksum begins with LVM's own number.
        label = struct.pack("<I8s32sQQ", 32, b"LVM2 001", b"x" * 32, 4 << 20, 0).ljust(492, b"\0")
        check = zlib.crc32(label, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
        with Path(f"{device}p2").open("r+b") as file:
            file.seek(512)
            file.write(struct.pack("<8sQI", b"LABELONE", 1, check) + label)
        os.sync()
        yield given(device, backing)


@refused("is part of something (linux_raid_member)")
def raid_not_running(image: Path, backing: Path) -> Iterator[list[object]]:
    # md's superblock 1.0, 8 KiB before the end.
    sector = SIZE // 512 - 16
    block = bytearray(256)
    struct.pack_into("<II", block, 0, 0xA92B4EFC, 1)
    struct.pack_into("<Q", block, 144, sector)
    total = sum(struct.unpack("<64I", block))
    struct.pack_into("<I", block, 216, ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF)
    with backing.open("r+b") as file:
        file.seek(sector * 512)
        file.write(block)
    with loop(backing) as device:
        yield given(device, backing)


@pytest.mark.parametrize(("case", "why"), [pytest.param(case, why, id=name) for name, why, case in REFUSED])
def test_a_refused_disk_stays_as_it_is(
    image: Path, backing: Path, case: Case, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boardwright.build.block_device.PATIENCE_S", 0.2)
    with case(image, backing) as arguments:
        os.sync()
        before = digest(backing)
        said = call(image, *arguments)
        os.sync()
        assert digest(backing) == before
    assert why in said.output, said.output
    assert said.exit_code == 2


def test_the_image_itself_is_no_disk_to_write_to(image: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(image, tmp_path))
    before = digest(path)
    with loop(path) as device:
        said = call(path, *given(device, path))
    assert "it is the image itself" in said.output and said.exit_code == 2
    assert digest(path) == before


# A kernel that has no device-mapper or RAID still tells of its disks as one that has.
HELD: dict[str, tuple[dict[str, str | int], str]] = {
    "opened LUKS": ({"holders/dm-3": "", "../dm-3/dm/uuid": "CRYPT-LUKS2-1"}, "it is part of dm-3 (CRYPT)"),
    "LVM on a partition": (
        {"{name}p1/partition": 1, "{name}p1/holders/dm-4": "", "../dm-4/dm/uuid": "LVM-1"},
        "it is part of dm-4 (LVM)",
    ),
    "a running RAID": ({"holders/md0": "", "../md0/md/level": "raid1"}, "it is part of md0 (raid1)"),
    "the system's disk": ({"holders/dm-5": "", "../dm-5/dev": "253:5"}, "this system runs from it (/)"),
    "made of others": ({"slaves/sda": ""}, "This is not a disk but made of others"),
    "an empty reader": ({"size": 0}, "there is no card in it"),
    "another card by now": ({"size": 512}, "larger than this disk"),
}


@pytest.mark.parametrize("name", HELD)
def test_a_disk_that_something_holds_stays_as_it_is(image: Path, backing: Path, tmp_path: Path, name: str) -> None:
    files, why = HELD[name]
    before = digest(backing)
    with loop(backing) as device:
        real = Path("/sys/block", device.name)
        facts: dict[str, str | int] = {one: (real / one).read_text() for one in ("dev", "size", "ro", "removable")}
        facts["loop/backing_file"] = str(backing)
        facts |= {one.format(name=device.name): value for one, value in files.items()}
        sys = tree(tmp_path, {os.path.normpath(f"sys/block/{device.name}/{one}"): facts[one] for one in facts}) / "sys"
        proc = tree(tmp_path / "proc", {"self/mountinfo": "1 0 253:5 / / rw - ext4 /dev/mapper/root rw"})
        with pytest.raises(KitError) as said:
            flash(image, device, serial=str(backing), allow_fixed=True, machine=Machine(sys, proc))
    assert why in str(said.value)
    assert digest(backing) == before


def test_a_disk_that_is_swapped_while_one_reads_stays_as_it_is(image: Path, backing: Path, tmp_path: Path) -> None:
    before = digest(backing)
    with loop(backing) as device:
        real = Path("/sys/block", device.name)
        facts: dict[str, str | int] = {one: (real / one).read_text() for one in ("dev", "size", "ro", "removable")}
        facts |= {"loop/backing_file": str(backing), "diskseq": 7}
        place = tree(tmp_path / "sys" / "block" / device.name, facts)

        def swap_and_answer(question: str) -> str:
            assert str(backing) in question
            (place / "diskseq").write_text("8\n")
            return str(backing)

        with pytest.raises(KitError, match="it is another one than a moment ago"):
            flash(image, device, ask=swap_and_answer, allow_fixed=True, machine=Machine(tmp_path / "sys"))
    assert digest(backing) == before
