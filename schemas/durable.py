"""Files that are whole or not there, whatever happens, and plain words when the disk will not have them.

Knows nothing of what is in them. Linux only: folders are synced and locked through their descriptors.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import IO

from boardwright.schemas.errors import KitError, NoSpace

SPARE = 1024 * 1024  # folders, inodes and journal beside the bytes themselves


@contextmanager
def disk(where: Path, doing: str) -> Iterator[None]:
    """Turn what the operating system says into NoSpace or KitError.  doing: "write the bundle"."""
    try:
        yield
    except OSError as error:
        if error.errno in (ENOSPC, EDQUOT):
            raise NoSpace(
                f"Cannot {doing}: the disk is full. What was half-written has been removed.",
                where=where,
                next="make room, or choose another folder",
            ) from error
        raise KitError(
            f"Cannot {doing}: {error.strerror or error}.",
            where=error.filename or where,
            next="check the path and its permissions",
        ) from error


def need_space(folder: Path, size: int, doing: str) -> None:
    """Say so before anything is written. No promise: others write too, so NoSpace can still come later."""
    free = shutil.disk_usage(folder).free
    if free < size + SPARE:
        raise NoSpace(
            f"Cannot {doing}: there is not enough room.",
            where=folder,
            value=f"{free} bytes free",
            allowed=f"{size + SPARE} bytes or more",
            next="make room, or choose another folder",
        )


def open_regular(path: Path, *, follow: bool = True) -> BufferedReader:
    """Open a regular file to read. Never waits for a pipe, never starts a device. Raises KitError, OSError."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    fd = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise KitError("This is not a file.", where=path, allowed="a regular file, not a folder, pipe or device")
    return open(fd, "rb")


def create(path: Path, mode: int = 0o644) -> BufferedWriter:
    """Make a new file to write; one that is there already, or a link, is an OSError. The umask has no say."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode & 0o600)
    os.fchmod(fd, mode)
    return open(fd, "wb")


def sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make names in a folder survive a power cut: syncing a file does not sync its name."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path) -> None:
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for made in missing:
        sync_folder(made.parent)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, waiting for it. A process that dies lets go, so nobody has to clean up a lock file."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def replace_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all: beside it, synced, renamed over it. Raises NoSpace."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with disk(path, f"write {path.name}"):
            with create(temporary) as file:
                file.write(text.encode())
                sync(file)
            temporary.replace(path)
            sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
