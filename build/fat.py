"""A FAT file system inside a disk image: files in its top folder, read and written by mtools.

Knows nothing of partition tables, nor of what the files are for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from boardwright.build import system_tool
from boardwright.build.disk_image import copy_sparse
from boardwright.schemas.errors import KitError

SPARE = 64 * 1024  # clusters that are begun, and the folder itself


@dataclass(frozen=True)
class Fat:
    """disk: the image, in a folder of ours.  offset, size: in bytes."""

    disk: Path
    offset: int
    size: int

    @property
    def _device(self) -> tuple[str, str]:
        return "-i", f"{self.disk.name}@@{self.offset}"

    def exists(self, name: str) -> bool:
        return system_tool.run("mdir", *self._device, "-b", f"::/{name}", folder=self.disk.parent, ok=(0, 1)).code == 0

    def read(self, name: str) -> bytes | None:
        """None when it is not there."""
        if not self.exists(name):
            return None
        return system_tool.run("mcopy", *self._device, f"::/{name}", "-", folder=self.disk.parent).out

    def free(self) -> int:
        """Bytes."""
        listing = system_tool.run("mdir", *self._device, "::/", folder=self.disk.parent).out.decode(errors="replace")
        found = re.search(r"([\d ]+) bytes free", listing)
        return int(found[1].replace(" ", "")) if found else 0

    def write(self, files: Mapping[str, bytes], scratch: Path) -> None:
        """Write files into the top folder, over what was there, and read each back. Raises KitError."""
        needed = sum(map(len, files.values())) + SPARE
        if self.free() < needed:
            raise KitError(
                "There is no room on the image's boot partition.", value=f"{self.free()} bytes free", allowed=needed
            )
        for name, content in files.items():
            source = scratch / "boot-file"
            source.write_bytes(content)
            system_tool.run("mcopy", *self._device, "-o", source.name, f"::/{name}", folder=scratch)
        for name, content in files.items():
            if self.read(name) != content:
                raise KitError("A file on the boot partition does not read back as it was written.", where=name)

    def complaints(self, scratch: Path) -> str:
        """What fsck.fat finds; "" when all is well or there is no fsck.fat. It takes no offset: a copy is looked at."""
        if not system_tool.find("fsck.fat"):
            return ""
        part = scratch / "boot.fat"
        with self.disk.open("rb") as source, part.open("wb") as target:
            copy_sparse(source, self.offset, target, 0, self.size)
            target.truncate(self.size)
        done = system_tool.run("fsck.fat", "-n", part.name, folder=scratch, ok=(0, 1))
        part.unlink()
        return system_tool.last_words(done.out.decode(errors="replace")) if done.code else ""
