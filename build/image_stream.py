"""A disk image as a stream of bytes: plain, .xz or .gz, with what can be known of it before the first byte is used.

Knows nothing of disks. What the image is, its first bytes say; its name has no part in it.
"""

from __future__ import annotations

import gzip
import lzma
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from boardwright.schemas.durable import open_regular
from boardwright.schemas.errors import KitError

Packing = Literal["plain", "xz", "gzip"]
SECTOR = 512
TABLE = 2 * SECTOR  # the MBR, and the header of a GPT behind it
XZ_MAGIC = b"\xfd7zXZ\0"
# What people download images in, and we do not unpack.
OTHERS = {
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd -d"),
    b"BZh": ("bzip2", "bunzip2"),
    b"PK\x03\x04": ("zip", "unzip"),
    b"7z\xbc\xaf": ("7z", "7z x"),
    b"\x04\x22\x4d\x18": ("lz4", "lz4 -d"),
}


@dataclass(frozen=True)
class Image:
    """size: bytes unpacked; None for gzip, which does not tell.  at_least: what is known of it then.
    table: "MBR" or "GPT".  reach: bytes up to the end of the last thing that the table speaks of."""

    path: Path
    file: BinaryIO
    packing: Packing
    size: int | None
    at_least: int
    table: str
    reach: int

    def chunks(self, length: int) -> Iterator[bytes]:
        """The image from its start in pieces of `length` bytes, the last one shorter. Raises KitError where it is
        damaged, cut off or cannot be read; what came before that was the image's."""
        done = 0
        with _damage(self.path, self.packing):
            source = _unpack(self.file, self.packing)
            while piece := _fill(source, length):
                done += len(piece)
                yield piece
        wanted = self.reach if self.size is None else self.size
        if done < wanted or (self.size is not None and done > wanted):
            raise KitError(
                "The image is not as long as it says.",
                where=self.path,
                value=f"{done:,} bytes",
                allowed=f"{wanted:,} bytes",
                next="download or build it again",
            )


@contextmanager
def open_image(path: Path) -> Iterator[Image]:
    """Look at an image, and keep it open: what is streamed is what was looked at. Raises KitError."""
    try:
        opened = open_regular(path)
    except OSError as error:
        raise KitError(
            f"Cannot open the image: {error.strerror}.", where=path, next="check the path and its permissions"
        ) from error
    with opened as file:
        yield _look(path, file)


def xz_size(file: BinaryIO) -> int:
    """Unpacked bytes of an .xz, out of the indexes at its streams' ends. Raises ValueError when they do not hold.

    Source: The .xz File Format 1.2, sections 2.1.2 (footer) and 4 (index). Padding behind a stream (2.2) is refused:
    Python's lzma does not read it, and zeros at the end are what a download that broke off leaves."""
    total, end = 0, file.seek(0, os.SEEK_END)
    while end:
        footer = _at(file, end - 12, 12)
        check, backward, flags, magic = struct.unpack("<II2s2s", footer)
        if magic != b"YZ" or zlib.crc32(footer[4:10]) != check:
            raise ValueError("the end of an xz stream is missing")
        length = (backward + 1) * 4
        index = _at(file, end - 12 - length, length)
        if index[0] or zlib.crc32(index[:-4]) != int.from_bytes(index[-4:], "little"):
            raise ValueError("its index is damaged")
        packed, unpacked = _index_sums(index)
        end -= 12 + length + packed + 12
        header = _at(file, end, 12)
        if header[:6] != XZ_MAGIC or header[6:8] != flags:
            raise ValueError("its index does not fit the data")
        total += unpacked
    return total


def _look(path: Path, file: BinaryIO) -> Image:
    start = file.read(8)
    for magic, (name, command) in OTHERS.items():
        if start.startswith(magic):
            raise KitError(
                f"The image is packed with {name}, which is not unpacked here.",
                where=path,
                allowed=".img, .img.xz or .img.gz",
                next=f"{command} {path}, then flash what comes out",
            )
    packing: Packing = "xz" if start.startswith(XZ_MAGIC) else "gzip" if start.startswith(b"\x1f\x8b") else "plain"
    with _damage(path, packing):
        size, at_least = _size(file, packing)
        head = _fill(_unpack(file, packing), TABLE)
    table, reach = _table(path, head)
    if size is not None and reach > size:
        raise KitError(
            "The image is cut off: its partitions go on behind its end.",
            where=path,
            value=f"{size:,} bytes",
            allowed=f"{reach:,} bytes or more",
            next="download or build it again",
        )
    return Image(path, file, packing, size, max(at_least, reach), table, reach)


def _size(file: BinaryIO, packing: Packing) -> tuple[int | None, int]:
    """(bytes unpacked if known, the least they can be)."""
    if packing == "xz":
        size = xz_size(file)
        return size, size
    end = file.seek(0, os.SEEK_END)
    if packing == "gzip":
        # RFC 1952: the last member's length modulo 4 GiB, so all of it is that long at least.
        return None, int.from_bytes(_at(file, end - 4, 4), "little")
    return end, end


def _table(path: Path, head: bytes) -> tuple[str, int]:
    """Kind of partition table, and how far it reaches. Raises KitError for what is no partitioned image.

    Source: UEFI 2.10, 5.2 (MBR: four entries of 16 bytes at 446) and 5.3.2 (GPT header in block 1)."""
    reach = 0
    if len(head) == TABLE and head[510:512] == b"\x55\xaa":
        entries = [struct.unpack("<B3xB3xII", head[at : at + 16]) for at in range(446, 510, 16)]
        used = [entry for entry in entries if entry[1]]
        if any(kind == 0xEE for _, kind, _, _ in used):
            if head[SECTOR : SECTOR + 8] == b"EFI PART":
                # The backup header is the last thing in a whole image.
                return "GPT", (int.from_bytes(head[SECTOR + 32 : SECTOR + 40], "little") + 1) * SECTOR
        # The boot sector of a lone FAT filesystem ends in the same two bytes; its text makes no sense as entries.
        elif used and all(status in (0, 0x80) and count for status, _, _, count in used):
            reach = max(start + count for _, _, start, count in used) * SECTOR
    if not reach:
        raise KitError(
            "This is not an image of a disk: it begins with no partition table.",
            where=path,
            allowed="an image with an MBR or a GPT, plain, .xz or .gz",
            next="check the file; an archive or a single filesystem cannot boot a board",
        )
    return "MBR", reach


def _unpack(file: BinaryIO, packing: Packing) -> BinaryIO:
    file.seek(0)
    if packing == "xz":
        return cast(BinaryIO, lzma.open(file))
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packing == "gzip" else file


def _fill(source: BinaryIO, length: int) -> bytes:
    """Up to `length` bytes; fewer only at the end, which a decompressor's own read() does not promise."""
    parts = []
    while length and (part := source.read(length)):
        parts.append(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


@contextmanager
def _damage(path: Path, packing: str) -> Iterator[None]:
    try:
        yield
    except (lzma.LZMAError, EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        raise KitError(
            f"The {packing} file is damaged or cut off.",
            where=path,
            value=str(error),
            next=f"download or build it again ({'xz' if packing == 'xz' else 'gzip'} -t tells whether it is whole)",
        ) from error
    except OSError as error:
        raise KitError(
            f"Cannot read the image: {error.strerror or error}.", where=path, next="check the disk that it lies on"
        ) from error


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    if offset < 0:
        raise ValueError("it ends too early")
    file.seek(offset)
    found = file.read(length)
    if len(found) < length:
        raise ValueError("it ends too early")
    return found


def _index_sums(index: bytes) -> tuple[int, int]:
    """(bytes of all blocks, each padded to four; bytes unpacked) of an xz index."""
    count, at = _number(index, 1)
    packed = unpacked = 0
    for _ in range(count):
        block, at = _number(index, at)
        content, at = _number(index, at)
        packed += -(-block // 4) * 4
        unpacked += content
    return packed, unpacked


def _number(data: bytes, at: int) -> tuple[int, int]:
    """(a number of the xz format, seven bits a byte, the lowest first; where the next begins)."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 56:
            raise ValueError("its index is damaged")
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
