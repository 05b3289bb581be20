"""What is put into a root file system: files and symbolic links, each with where it goes and whose it is.

Knows nothing of file systems or images.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from boardwright.schemas.durable import disk, open_regular
from boardwright.schemas.errors import KitError

# What needs no quoting in a command file of debugfs, whose quoting cannot express everything.
_PATH = re.compile(r"(/[A-Za-z0-9._@+:,-]+)+")
_TARGET = re.compile(r"[A-Za-z0-9._@+:,/-]+")


@dataclass(frozen=True)
class Injected:
    """A file to put in.  path: absolute, on the board.  content: itself, or the file that holds it.

    mode: permission bits.  uid, gid: numbers, because names mean nothing outside of the image.
    replace: one that is there gives way; else it is an error."""

    path: str
    content: bytes | Path = field(repr=False)
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    replace: bool = False

    def __post_init__(self) -> None:
        _check(self.path, _PATH)
        if not 0 <= self.mode <= 0o7777 or not 0 <= self.uid < 1 << 16 or not 0 <= self.gid < 1 << 16:
            raise KitError(
                "A file cannot be put in with this owner or mode.",
                where=self.path,
                value=f"mode {self.mode:o}, uid {self.uid}, gid {self.gid}",
                allowed="modes to 7777, ids to 65535",
            )

    def size(self) -> int:
        with disk(Path(self.path), f"read what becomes {self.path}"):
            return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def sha256(self) -> str:
        if isinstance(self.content, bytes):
            return hashlib.sha256(self.content).hexdigest()
        with disk(self.content, f"read what becomes {self.path}"), open_regular(self.content) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Link:
    """A symbolic link to put in: at `path`, to `target`, which need not be there."""

    path: str
    target: str

    def __post_init__(self) -> None:
        _check(self.path, _PATH)
        _check(self.target, _TARGET)


def folders_of(path: str) -> list[str]:
    """The folders above a path, outermost first, without the root."""
    return [str(folder) for folder in reversed(PurePosixPath(path).parents) if folder != PurePosixPath("/")]


def _check(path: str, form: re.Pattern[str]) -> None:
    if not form.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise KitError(
            "This path cannot be put into an image.",
            value=path,
            allowed="an absolute path of A-Z a-z 0-9 . _ @ + : , - without . or .. as a part",
        )
