"""One disk, held for ourselves alone, read and written past the kernel's page cache.

Knows nothing of images, and not whether the disk may be written to.

O_DIRECT, and not posix_fadvise(DONTNEED) or BLKFLSBUF before reading back: those ask the kernel to forget, and it keeps
pages that somebody else has open; a direct read always asks the disk. A direct write tells of its error at once, and
its rate is the disk's.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from boardwright.build.disks import Disk, refusal
from boardwright.schemas.errors import KitError

BUFFER = 4 * 1024 * 1024
PATIENCE_S = 5.0  # udev looks at a disk for some moments whenever somebody has closed it
BLKRRPART, BLKSSZGET = 0x125F, 0x1268  # linux/fs.h


class BlockDevice:
    """size: bytes.  Offsets are multiples of the disk's sectors. Raises OSError, as the kernel gives it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._sector = struct.unpack("i", fcntl.ioctl(fd, BLKSSZGET, b"\0" * 4))[0]
        self._buffer = mmap.mmap(-1, BUFFER)  # O_DIRECT wants aligned memory, which bytes are not
        self.size = os.lseek(fd, 0, os.SEEK_END)

    def write(self, offset: int, data: bytes | memoryview) -> int:
        """Write some of the data; return how much. The rest of a last sector that is not full stays as it is."""
        length = min(len(data), BUFFER)
        whole = length - length % self._sector
        if not whole:
            if self._read(offset, self._sector) != self._sector:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            self._buffer[:length] = data[:length]
            return min(length, self._write(offset, self._sector))
        self._buffer[:whole] = data[:whole]
        return self._write(offset, whole)

    def read(self, offset: int, length: int) -> bytes:
        """Read up to `length` bytes from the disk itself; none at its end."""
        length = min(length, BUFFER, self.size - offset)
        got = self._read(offset, -(-length // self._sector) * self._sector) if length > 0 else 0
        return self._buffer[: min(got, max(length, 0))]

    def sync(self) -> None:
        """Have the disk empty its own cache."""
        os.fsync(self._fd)

    def reread_table(self) -> None:
        """Let the kernel see the new partitions; where it will not, it does when the card is put in again."""
        with suppress(OSError):
            fcntl.ioctl(self._fd, BLKRRPART)

    def _read(self, offset: int, length: int) -> int:
        with memoryview(self._buffer) as memory, memory[:length] as part:
            return os.preadv(self._fd, [part], offset)

    def _write(self, offset: int, length: int) -> int:
        with memoryview(self._buffer) as memory, memory[:length] as part:
            done = os.pwrite(self._fd, part, offset)
        if done % self._sector:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return done


@contextmanager
def hold(disk: Disk, *, write: bool) -> Iterator[BlockDevice]:
    """Open a disk for ourselves alone: nobody can mount it or swap to it meanwhile, and udev leaves it alone.

    Raises KitError where somebody has it. There is no shared way in."""
    flags = (os.O_RDWR if write else os.O_RDONLY) | os.O_EXCL | os.O_DIRECT | os.O_CLOEXEC
    try:
        fd = os.open(disk.path, flags)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise refusal(disk, "another program or the kernel holds it (busy)") from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise KitError(
                "This disk cannot be opened: permission denied.", where=disk.path, next="the same again with sudo"
            ) from error
        raise KitError(
            f"This disk cannot be opened: {error.strerror}.", where=disk.path, next="take it out and put it in again"
        ) from error
    try:
        status = os.fstat(fd)
        if not stat.S_ISBLK(status.st_mode) or status.st_rdev != disk.number:
            raise refusal(disk, "it is another one than a moment ago")
        _lock(fd, disk)
        yield BlockDevice(fd)
    finally:
        os.close(fd)


def _lock(fd: int, disk: Disk) -> None:
    """systemd's rule for who writes to a whole disk (its page "Locking Block Device Access")."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > until:
                raise refusal(disk, "another program has locked it") from error
        time.sleep(0.1)
