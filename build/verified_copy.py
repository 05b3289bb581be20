"""Copy an image to a medium that may lie, so that the medium is either right or plainly not bootable at every moment.

Knows nothing of what is in the image, nor of the kernel's disks. The order:

1. The first block gets a mark in place of the old partition table, the rest of the first MiB zeros (old boot loaders),
   and the header of an old GPT at the disk's end zeros: the next reader would rebuild the old table from it. All of it
   is read back: a worn-out card takes writes and forgets them.
2. Everything behind the first block is written and synced; zeros too, for nobody promises what is there.
3. All of it is read back from the disk itself and compared by hash, and so is the mark: a card that claims more room
   than it has, wraps around, and has the mark overwritten by then.
4. Only now the first block is written, synced and read back. If that fails, the mark goes back.

The first block is 4 KiB: an MBR, or a GPT's two headers, in one write that a card does whole or not at all.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from boardwright.schemas.errors import FlashFailed, KitError
from boardwright.schemas.steps import Step, current_step, step

PIECE = 64 * 1024  # how closely a difference is located
FIRST = 4096
EMPTIED = 1024 * 1024  # holds a GPT's entries, and where Allwinner and Rockchip look for a boot loader
GPT = b"EFI PART"
DIGEST = 16
MB = 1_000_000
MARK = b"boardwright flash did not finish writing this disk. It does not boot. "
GONE = {
    errno.EIO: "it was pulled out, or it is broken",
    errno.ENODEV: "it was pulled out",
    errno.ENXIO: "it was pulled out",
    errno.ENOSPC: "it ends before its size",
    errno.EROFS: "it is write-protected",
    errno.EPERM: "it is write-protected",
}
NOT_TAKEN = "The disk does not keep what is written to it: it is write-protected or worn out."
TRY_ANOTHER = "try again; if it fails again, take another card or another reader"


class Medium(Protocol):
    """What is written to. Writes and reads may be short; a read is of the medium, never of a cache of ours."""

    size: int

    def write(self, offset: int, data: bytes | memoryview) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...

    def sync(self) -> None: ...


@dataclass(frozen=True)
class Written:
    """size: bytes of the image.  sha256: of all of them.  write_s, verify_s: seconds of the two passes."""

    size: int
    sha256: str
    write_s: float
    verify_s: float

    @property
    def text(self) -> str:
        mb = self.size / MB
        return (
            f"{mb:,.0f} MB written at {mb / self.write_s:,.0f} MB/s, read back at {mb / self.verify_s:,.0f} MB/s\n"
            f"sha256 of the image, unpacked: {self.sha256}"
        )


def copy(chunks: Iterator[bytes], medium: Medium, size: int | None = None) -> Written:
    """Write the chunks to the medium, in the order told above.

    size: bytes in all, where known.  Raises FlashFailed where the medium does not hold them, or they break off. Then,
    and after Ctrl-C, the mark is put back if the medium still takes it."""
    first = next(chunks, b"")
    head, whole = first[:FIRST], hashlib.sha256()
    mark = _mark(len(head))
    marked = False
    try:
        with step("Empty the first block"):
            _empty(medium, mark, min(EMPTIED, len(first)))
        marked = True
        with step("Write (MB)") as writing:
            whole.update(head)
            known = _write_body(chain([first[FIRST:]], chunks), medium, len(head), size, whole, writing)
            write_s = writing.seconds
        with step("Read back (MB)") as reading:
            end = _compare_body(known, medium, len(head), reading)
            _compare(medium, 0, mark, "The disk has less room than it says: what should be further on is at its start.")
            verify_s = reading.seconds
        marked = False
        with step("Write the first block"):
            _put(medium, 0, head)
            _sync(medium)
            _compare(medium, 0, head, "The disk does not hold the first block.")
    except BaseException as error:
        marked = _mark_again(medium, mark) or marked
        left = "It is plainly not bootable now." if marked else "What is on it now is not known; do not use it."
        if isinstance(error, KitError):
            raise FlashFailed(
                f"{error.what} {left}", where=error.where, value=error.value, allowed=error.allowed, next=error.next
            ) from error
        current_step().note(left)
        raise
    return Written(end, whole.hexdigest(), write_s, verify_s)


def _empty(medium: Medium, mark: bytes, length: int) -> None:
    emptied = mark + bytes(length - len(mark))
    if has_old_gpt(medium):
        _put(medium, medium.size - FIRST, bytes(FIRST))
        _sync(medium)
        _compare(medium, medium.size - FIRST, bytes(FIRST), NOT_TAKEN)
    _put(medium, 0, emptied)
    _sync(medium)
    _compare(medium, 0, emptied, NOT_TAKEN)


def has_old_gpt(medium: Medium) -> bool:
    """Whether a GPT's second header is in the last sector, of 512 or of 4096 bytes."""
    if medium.size < 2 * EMPTIED:
        return False
    end = _get(medium, medium.size - FIRST, FIRST)
    return GPT in (end[: len(GPT)], end[-512:][: len(GPT)])


def _mark(length: int) -> bytes:
    """A text that no table or boot loader is, and that no image holds: in every sector, with a number of its own."""
    sector = (MARK + os.urandom(16).hex().encode() + b"\n").ljust(512, b"\0")
    return (sector * (FIRST // 512))[:length]


def _mark_again(medium: Medium, mark: bytes) -> bool:
    try:
        _put(medium, 0, mark)
        _sync(medium)
        return _get(medium, 0, len(mark)) == mark
    except KitError:
        return False


def _write_body(
    pieces: Iterable[bytes], medium: Medium, offset: int, size: int | None, whole: hashlib._Hash, running: Step
) -> list[tuple[int, bytes]]:
    """Write the pieces from `offset` on; return (length, fingerprint) of each. whole: gets all of them."""
    known = []
    with closing(_ahead(_fingerprinted(pieces, whole))) as prepared:
        for piece, fingerprint in prepared:
            if offset + len(piece) > medium.size:
                raise KitError(
                    "The image is larger than this disk.", allowed=f"{medium.size:,} bytes", next="take a larger card"
                )
            _put(medium, offset, piece)
            known.append((len(piece), fingerprint))
            offset += len(piece)
            running.progress(round(offset / MB), size and round(size / MB))
    _sync(medium)
    return known


def _compare_body(known: list[tuple[int, bytes]], medium: Medium, offset: int, running: Step) -> int:
    """Read everything back; return where it ends."""
    total = offset + sum(length for length, _ in known)
    for length, fingerprint in known:
        found = _fingerprint(_get(medium, offset, length))
        if found != fingerprint:
            pairs = zip(_digests(found), _digests(fingerprint), strict=True)
            number = next(number for number, (one, other) in enumerate(pairs) if one != other)
            raise KitError(
                "The disk does not hold what was written to it.",
                where=f"within {PIECE // 1024} KiB from byte {offset + number * PIECE:,} on",
                next=TRY_ANOTHER,
            )
        offset += length
        running.progress(round(offset / MB), round(total / MB))
    return total


def _compare(medium: Medium, offset: int, wanted: bytes, otherwise: str) -> None:
    found = _get(medium, offset, len(wanted))
    if found != wanted:
        at = next(at for at, (one, other) in enumerate(zip(found, wanted, strict=True)) if one != other)
        raise KitError(otherwise, where=f"byte {offset + at:,}", next=TRY_ANOTHER)


def _put(medium: Medium, offset: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        with _failing("writing", offset):
            done = medium.write(offset, rest)
            if not 0 < done <= len(rest):
                raise OSError(errno.EIO, "it took nothing")
        offset += done
        rest = rest[done:]


def _get(medium: Medium, offset: int, length: int) -> bytes:
    parts = []
    while length:
        with _failing("reading", offset):
            part = medium.read(offset, length)
            if not 0 < len(part) <= length:
                raise OSError(errno.EIO, "it gave nothing")
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _sync(medium: Medium) -> None:
    with _failing("emptying its cache", None):
        medium.sync()


@contextmanager
def _failing(doing: str, offset: int | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = GONE.get(error.errno or 0, "it failed")
        raise KitError(
            f"The disk stopped while {doing}: {why} ({error.strerror or error}).",
            where=None if offset is None else f"byte {offset:,}",
            next=TRY_ANOTHER,
        ) from error


def _fingerprinted(pieces: Iterable[bytes], whole: hashlib._Hash) -> Iterator[tuple[bytes, bytes]]:
    for piece in pieces:
        if piece:
            whole.update(piece)
            yield piece, _fingerprint(piece)


def _fingerprint(data: bytes) -> bytes:
    """A digest for each PIECE of the data, one behind the other."""
    view = memoryview(data)
    starts = range(0, len(view), PIECE)
    return b"".join(hashlib.blake2b(view[at : at + PIECE], digest_size=DIGEST).digest() for at in starts)


def _digests(fingerprint: bytes) -> list[bytes]:
    return [fingerprint[at : at + DIGEST] for at in range(0, len(fingerprint), DIGEST)]


def _ahead(pieces: Iterator[tuple[bytes, bytes]]) -> Generator[tuple[bytes, bytes]]:
    """The same pieces, the next of them made by another thread while this one is written."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = pool.submit(next, pieces, None)
            yield piece
