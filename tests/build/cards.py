"""Cards that lie, each in one way and at one place."""

from __future__ import annotations

import errno
import os
import random
from dataclasses import dataclass

SECTOR = 512
# What a write does to the sector of the fault, or to itself.
KINDS = (
    "drops the sector",
    "flips a bit",
    "flips a bit on reading",
    "wraps around",
    "claims to have written all of a short write",
    "writes to the wrong sector",
    "loses the sector from its cache",
    "reads what was there before",
    "fails to write",
    "fails to read",
    "fails to sync",
    "is pulled out",
    "takes nothing",
    "ends too early",
)
HARMLESS = ("is sound", "writes and reads in short pieces")


@dataclass(frozen=True)
class Fault:
    """place: byte; of "wraps around" and "ends too early", the card's true size.
    after: how often the place is written, or the card synced, before it begins."""

    kind: str
    place: int = 0
    after: int = 0
    bit: int = 0


class Card:
    """A Medium. data: what is really on it."""

    def __init__(self, content: bytes, fault: Fault) -> None:
        self.size = len(content)
        self.data = bytearray(content)
        self.fault = fault
        self._before = content
        self._cache: dict[int, bytes] = {}  # sectors that the card has promised to keep
        self._hits = 0
        self._gone = False

    def write(self, offset: int, data: bytes | memoryview) -> int:
        kind, place = self.fault.kind, self.fault.place
        data = bytes(data)
        assert data and offset + len(data) <= self.size, "a write behind the card's end"
        if kind == "writes and reads in short pieces":
            data = data[: max(1, len(data) * 2 // 3)]
        now = False
        if offset <= place < offset + len(data):
            self._hits += 1
            now = self._hits > self.fault.after
        if kind == "is pulled out" and (now or self._gone):
            self._gone = True
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if kind == "ends too early" and offset + len(data) > place:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if kind == "wraps around":
            for at, byte in enumerate(data):
                self.data[(offset + at) % place] = byte
            return len(data)
        if now and kind == "fails to write":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if now and kind == "takes nothing":
            return 0
        start, end = place // SECTOR * SECTOR, place // SECTOR * SECTOR + SECTOR
        kept = bytes(self.data[start:end])
        if now and kind == "claims to have written all of a short write":
            self.data[offset:place] = data[: place - offset]
            return len(data)
        self.data[offset : offset + len(data)] = data
        if not now:
            return len(data)
        if kind == "drops the sector":
            self.data[start:end] = kept
        elif kind == "flips a bit":
            self.data[place] ^= 1 << self.fault.bit
        elif kind == "writes to the wrong sector":
            landed = bytes(self.data[start:end])
            self.data[start:end] = kept
            self.data[end : end + SECTOR] = landed[: len(self.data[end : end + SECTOR])]
        elif kind == "loses the sector from its cache":
            self._cache[start] = kept
        return len(data)

    def read(self, offset: int, length: int) -> bytes:
        kind, place = self.fault.kind, self.fault.place
        assert length and offset + length <= self.size
        if kind == "writes and reads in short pieces":
            length = max(1, length // 2)
        if self._gone:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if kind == "wraps around":
            return bytes(self.data[at % place] for at in range(offset, offset + length))
        found = bytearray(self.data[offset : offset + length])
        if offset <= place < offset + length and self._hits > self.fault.after:
            if kind == "fails to read":
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            if kind == "flips a bit on reading":
                found[place - offset] ^= 1 << self.fault.bit
            if kind == "reads what was there before":
                found[place - offset] = self._before[place]
        return bytes(found)

    def sync(self) -> None:
        if self._gone:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if self.fault.kind == "fails to sync":
            self._hits += 1
            if self._hits > self.fault.after:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        for start, kept in self._cache.items():
            self.data[start : start + SECTOR] = kept
        self._cache.clear()

    def holds(self, image: bytes) -> bool:
        """Whether a sound reader would find the image on it."""
        if self.fault.kind == "wraps around":
            return all(self.data[at % self.fault.place] == byte for at, byte in enumerate(image))
        return self.data[: len(image)] == image


def drawn_fault(chance: random.Random, size: int, twice: int) -> Fault:
    """A fault in an image of `size` bytes that must be noticed.  twice: bytes at its start that are written twice."""
    kind = chance.choice(KINDS)
    # Every third in the block that makes the card bootable.
    place = chance.randrange(4096 if chance.random() < 0.33 else size)
    after = chance.randrange(2) if place < min(twice, size) else 0
    if kind in ("wraps around", "ends too early"):
        place = max(SECTOR, place // SECTOR * SECTOR)
    if kind == "fails to sync":
        after = chance.randrange(3)
    return Fault(kind, place, after, chance.randrange(8))
