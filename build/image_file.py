"""Image files as they come and go: unpacked into a sparse copy, hashed, packed again, and in place only when whole.

Knows nothing of what is in an image. Whether a file is packed is seen in its first bytes; how the result is to be
packed, in the name that it is to have.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from boardwright.build import system_tool
from boardwright.build.disk_image import CHUNK, write_sparse
from boardwright.build.system_tool import ToolFailed, last_words
from boardwright.schemas.durable import SPARE, disk, need_space, open_regular, sync, sync_folder
from boardwright.schemas.errors import KitError, NoSpace
from boardwright.schemas.steps import Step

XZ = b"\xfd7zXZ\x00"
PACKED = {b"PK\3\4": "zip", b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"7z\xbc\xaf": "7-Zip", b"BZh": "bzip2"}
LEVEL = 1  # of xz: 41 s where 3 takes 112, and 6 % larger (250 MiB of libraries, two busy cores)


@dataclass(frozen=True)
class Written:
    """The finished file.  size, sha256: of the file itself.  raw_size, raw_sha256: of the image, unpacked."""

    path: Path
    size: int
    sha256: str
    raw_size: int
    raw_sha256: str


@contextmanager
def workplace(output: Path) -> Iterator[Path]:
    """A folder of our own beside the output: a rename from there puts it in place. Gone afterwards, come what may."""
    with disk(output, "make the image"):
        folder = Path(tempfile.mkdtemp(prefix=f".{output.name[:40]}.", suffix=".part", dir=output.parent))
    try:
        yield folder
    except OSError as error:
        with disk(output, "make the image"):
            raise error from None
    except ToolFailed as error:
        # Tools tell of a full disk in ways of their own, or not at all.
        if shutil.disk_usage(output.parent).free < SPARE:
            raise NoSpace(
                "Cannot make the image: the disk is full. What was half-written has been removed.",
                where=output,
                next="make room, or choose another folder",
            ) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unpack(base: Path, target: Path, step: Step) -> None:
    """Copy an image to a new sparse file, unpacked. The base is only read. Raises KitError, NoSpace."""
    with disk(base, "read the image"):
        source = open_regular(base)
    with source:
        first = source.read(8)
        source.seek(0)
        for magic, name in PACKED.items():
            if first.startswith(magic):
                raise KitError(
                    f"The image is packed by {name}.", where=base, allowed=".img or .img.xz", next="unpack it first"
                )
        size = os.fstat(source.fileno()).st_size
        if not first.startswith(XZ):
            need_space(target.parent, os.fstat(source.fileno()).st_blocks * 512, "copy the image")
        with disk(target, "copy the image"), target.open("wb") as out:
            length = _copy(source, out, first.startswith(XZ), base, lambda: step.progress(source.tell(), size))
            out.truncate(length)
    if not length:
        raise KitError("The image is empty.", where=base)


def _copy(source: BufferedReader, out: BinaryIO, packed: bool, base: Path, progress: Callable[[], None]) -> int:
    at = 0
    try:
        with lzma.LZMAFile(source) if packed else nullcontext(source) as reader:
            while chunk := reader.read(CHUNK):
                write_sparse(out, at, chunk)
                at += len(chunk)
                progress()
    except (lzma.LZMAError, EOFError) as error:
        raise KitError(
            "The packed image is damaged or cut short.",
            where=base,
            value=str(error),
            next="download it again, and compare its checksum",
        ) from None
    return at


def finish(image: Path, output: Path, step: Step) -> Written:
    """Hash the image, pack it if the output's name ends in .xz, and put it in place, whole and on the disk."""
    made = _pack(image, step) if output.suffix == ".xz" else None
    with disk(output, "write the image"):
        raw_size, raw_sha256 = (made[1], made[2]) if made else _hash(image, step)
        result = made[0] if made else image
        with result.open("rb") as file:
            sync(file)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest() if made else raw_sha256
            size = os.fstat(file.fileno()).st_size
        result.replace(output)
        sync_folder(output.parent)
    return Written(output, size, sha256, raw_size, raw_sha256)


def _hash(image: Path, step: Step) -> tuple[int, str]:
    digest, done, total = hashlib.sha256(), 0, image.stat().st_size
    with image.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            step.progress(done, total)
    return done, digest.hexdigest()


def _pack(image: Path, step: Step) -> tuple[Path, int, str]:
    packed, digest, done, total = image.with_name("packed.xz"), hashlib.sha256(), 0, image.stat().st_size
    with (
        disk(packed, "pack the image"),
        image.open("rb") as source,
        packed.open("wb") as out,
        subprocess.Popen(
            system_tool.command("xz", "-T0", f"-{LEVEL}", "-c"),
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.PIPE,
            env=system_tool.environment(),
        ) as packer,
    ):
        assert packer.stdin is not None and packer.stderr is not None
        try:
            while chunk := source.read(CHUNK):
                packer.stdin.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                step.progress(done, total)
            packer.stdin.close()
        except BrokenPipeError:
            pass  # it has said why on stderr
        except BaseException:
            packer.kill()
            raise
        said = packer.stderr.read().decode(errors="replace")
    if packer.returncode:
        raise ToolFailed("xz failed.", where=packed, value=last_words(said) or f"exit code {packer.returncode}")
    return packed, done, digest.hexdigest()
