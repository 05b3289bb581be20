"""Disk images: their partition table, what lies in each partition, room for more, and copies that stay sparse.

Knows nothing of the files in a partition, nor of what an image is for.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from boardwright.build import system_tool
from boardwright.build.ext4 import resize
from boardwright.build.system_tool import ToolFailed
from boardwright.schemas.errors import KitError

SECTOR = 512
ALIGN = 4 << 20  # of the grown end: what SD cards like
GPT_TAIL = 33 * SECTOR  # the second table and its header, behind the last usable sector
CHUNK = 1 << 20
_ZEROS = bytes(CHUNK)
EXTENDED = {"5", "f", "85"}


@dataclass(frozen=True)
class Partition:
    """start, size: in bytes.  type: MBR number in hex or GPT guid.  uuid: GPT only."""

    number: int
    start: int
    size: int
    type: str
    uuid: str = ""

    @property
    def end(self) -> int:
        return self.start + self.size


@dataclass(frozen=True)
class Table:
    """label: of the kind that sfdisk names.  id: disk id (MBR) or guid (GPT); PARTUUIDs of an MBR begin with it."""

    label: Literal["dos", "gpt"]
    id: str
    partitions: tuple[Partition, ...]


def read_table(disk: Path) -> Table:
    """Raises KitError for what is no disk image, or is one cut short."""
    size = disk.stat().st_size
    done = system_tool.run("sfdisk", "-J", disk.name, folder=disk.parent, ok=(0, 1))
    if done.code:
        raise KitError(
            "This is not a disk image: it has no partition table.",
            value=_begin(disk),
            allowed="an .img (or .img.xz) of a whole card, as the OS's makers offer it",
        )
    found = json.loads(done.out)["partitiontable"]
    if found["label"] not in ("dos", "gpt") or found.get("sectorsize", SECTOR) != SECTOR:
        raise KitError("This partition table is of another kind.", value=found["label"], allowed="MBR or GPT")
    partitions = tuple(
        Partition(
            int(re.findall(r"\d+", one["node"])[-1]),
            one["start"] * SECTOR,
            one["size"] * SECTOR,
            one["type"],
            one.get("uuid", ""),
        )
        for one in found.get("partitions", ())
    )
    ends = [one.end for one in partitions]
    if found["label"] == "gpt":
        ends.append((found["lastlba"] + 1) * SECTOR + GPT_TAIL)
    if max(ends, default=0) > size:
        raise KitError(
            "The image is cut short: its partitions reach beyond its end.",
            value=f"{size} bytes",
            allowed=f"{max(ends)} bytes",
            next="download it again, and compare its checksum",
        )
    return Table(found["label"], found["id"], partitions)


def content_of(disk: Path, partition: Partition) -> str:
    """What lies in a partition, as blkid names it: "ext4", "vfat", "crypto_LUKS", "LVM2_member"; "" for unknown."""
    done = system_tool.run(
        "blkid", "-p", "-s", "TYPE", "-o", "value", "--offset", str(partition.start), "--size", str(partition.size),
        disk.name, folder=disk.parent, ok=(0, 2),
    )  # fmt: skip
    return done.out.decode(errors="replace").strip()


def grow_last(disk: Path, number: int, extra: int) -> Table:
    """Make the image, its last partition and the ext4 in that larger by `extra` bytes or a little more.

    Everything before that partition stays as it is, ids and all. Returns the new table. Raises KitError."""
    before = read_table(disk)
    partition = next(one for one in before.partitions if one.number == number)
    if partition.end < max(one.end for one in before.partitions if one.type not in EXTENDED) or (
        before.label == "dos" and number > 4
    ):
        raise KitError(
            "There is no room in the root partition, and it cannot grow: it is not the last one.",
            value=f"partition {number}",
            next="begin with an image of the OS as its makers offer it, or one with more room",
        )
    size = -(-(partition.end + extra) // ALIGN) * ALIGN - partition.start
    tail = ALIGN if before.label == "gpt" else 0
    os.truncate(disk, max(disk.stat().st_size, partition.start + size + tail))
    if before.label == "gpt":
        system_tool.run("sfdisk", "-q", "--relocate", "gpt-bak-std", disk.name, folder=disk.parent)
    system_tool.run(
        "sfdisk", "-q", "--no-reread", "--no-tell-kernel", "-N", str(number), disk.name,
        folder=disk.parent, given=f",{size // SECTOR}\n",
    )  # fmt: skip
    after = read_table(disk)
    if after != _with_size(before, number, size):
        raise ToolFailed("The partition table did not come out as it should.", value=after)
    _grow_ext4(disk, partition, size)
    return after


def _grow_ext4(disk: Path, partition: Partition, size: int) -> None:
    part, fresh = disk.with_name("root.ext4"), disk.with_name("fresh.img")
    total = disk.stat().st_size
    with disk.open("rb") as source:
        with part.open("wb") as target:
            copy_sparse(source, partition.start, target, 0, partition.size)
        resize(part, size)
        # A new image rather than the old one: where the file system has become empty, there is to be a hole.
        with fresh.open("wb") as target, part.open("rb") as grown:
            copy_sparse(source, 0, target, 0, partition.start)
            copy_sparse(grown, 0, target, partition.start, size)
            copy_sparse(source, partition.start + size, target, partition.start + size, total - partition.start - size)
            target.truncate(total)
    part.unlink()
    fresh.replace(disk)


def copy_sparse(
    source: BinaryIO,
    at: int,
    target: BinaryIO,
    to: int,
    size: int,
    progress: Callable[[int], object] = lambda done: None,
) -> None:
    """Copy `size` bytes into a file that has none there yet; what is all zeros stays a hole. Sizes in bytes."""
    source.seek(at)
    done = 0
    while done < size and (chunk := source.read(min(CHUNK, size - done))):
        write_sparse(target, to + done, chunk)
        done += len(chunk)
        progress(done)


def write_sparse(target: BinaryIO, at: int, chunk: bytes) -> None:
    """Write a chunk of at most 1 MiB, unless it is all zeros; whoever calls sets the file's length at the end."""
    if chunk != _ZEROS[: len(chunk)]:
        target.seek(at)
        target.write(chunk)


def _with_size(table: Table, number: int, size: int) -> Table:
    grown = tuple(
        Partition(one.number, one.start, size if one.number == number else one.size, one.type, one.uuid)
        for one in table.partitions
    )
    return Table(table.label, table.id, grown)


def _begin(disk: Path) -> bytes:
    with disk.open("rb") as file:
        return file.read(16)
