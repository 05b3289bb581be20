"""An ext4 file system inside a disk image, read and written where it lies: by debugfs, without root or a mount.

Knows nothing of partition tables, nor of what the files are for.

Trap: on a full file system `debugfs write` says so on stderr, ends with 0 and leaves a file that is cut short. So room
is counted first, anything on stderr is a failure, and every file is read back and hashed.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from boardwright.build import system_tool
from boardwright.build.injected import Injected, Link, folders_of
from boardwright.build.system_tool import ToolFailed, last_words
from boardwright.schemas.errors import KitError

CHUNK = 1 << 20
MAX_LINKS = 8
_STAT = re.compile(
    r"Type: (?P<kind>\w+).*?Mode:\s+(?P<mode>\d+).*?User:\s+(?P<uid>\d+)\s+Group:\s+(?P<gid>\d+)"
    r".*?Size: (?P<size>\d+)",
    re.DOTALL,
)
_MISSING = ("File not found by ext2_lookup", "Ext2 inode is not a directory")


@dataclass(frozen=True)
class Superblock:
    """Sizes in bytes and counts.  free: less than 0 where files have gone into the part that is kept for root."""

    block_size: int
    blocks: int
    free: int
    free_inodes: int
    inodes: int
    features: tuple[str, ...]

    @property
    def size(self) -> int:
        return self.block_size * self.blocks


@dataclass(frozen=True)
class Stat:
    """kind: "regular", "directory", "symlink" …, as debugfs says.  target: of a link, else ""."""

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    target: str = ""


@dataclass(frozen=True)
class Ext4:
    """disk: the image; it lies in a folder of ours, whose files have names without a "?".  offset: in bytes."""

    disk: Path
    offset: int = 0

    @property
    def _device(self) -> str:
        return f"{self.disk.name}?offset={self.offset}"

    def superblock(self) -> Superblock:
        """Raises KitError for a file system that is not whole."""
        text = system_tool.run("dumpe2fs", "-h", self._device, folder=self.disk.parent).out.decode(errors="replace")
        fields = {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
        try:
            size = int(fields["Block size"])
            free = int(fields["Free blocks"]) - int(fields["Reserved block count"])
            return Superblock(
                size,
                int(fields["Block count"]),
                free * size,
                int(fields["Free inodes"]),
                int(fields["Inode count"]),
                tuple(fields["Filesystem features"].split()),
            )
        except (KeyError, ValueError) as error:
            raise KitError(f"The file system in the image cannot be read: {error}.", where=self.disk.name) from None

    def check(self) -> None:
        """Look at all of it and change nothing. Raises KitError when e2fsck finds anything."""
        done = system_tool.run("e2fsck", "-fn", self._device, folder=self.disk.parent, ok=range(256))
        if done.code:
            raise KitError(
                "The file system in the image is damaged.",
                where=f"e2fsck -fn {self._device}",
                value=last_words(done.out.decode(errors="replace") or done.err),
                next="begin with a fresh copy of a stock image",
            )

    def stat(self, path: str) -> Stat | None:
        """None when it is not there. The last part of the path is not followed when it is a link."""
        done = system_tool.run("debugfs", "-R", f'stat "{path}"', self._device, folder=self.disk.parent)
        text = done.out.decode(errors="replace")
        found = _STAT.search(text)
        if found is None:
            if any(words in done.err for words in _MISSING):
                return None
            raise ToolFailed("The image cannot be looked into.", where=path, value=last_words(done.err))
        target = re.search(r'^Fast link dest: "(.*)"$', text, re.MULTILINE)
        return Stat(
            found["kind"],
            int(found["mode"], 8),
            int(found["uid"]),
            int(found["gid"]),
            int(found["size"]),
            target[1] if target else self._cat(path).decode() if found["kind"] == "symlink" else "",
        )

    def exists(self, path: str) -> bool:
        return self.stat(path) is not None

    def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        """The content of a file, links followed; None when it is not there. Raises KitError beyond `limit` bytes."""
        for _ in range(MAX_LINKS):
            # A link's target is the image's word: nothing in it may end the quotes around a request.
            stat = self.stat(path) if '"' not in path else None
            if stat is None or stat.kind == "directory":
                return None
            if stat.kind != "symlink":
                if stat.size > limit:
                    raise KitError("A file in the image is too long.", where=path, value=stat.size, allowed=limit)
                return self._cat(path)
            path = os.path.normpath(str(PurePosixPath(path).parent / stat.target))
        return None

    def _cat(self, path: str) -> bytes:
        return system_tool.run("debugfs", "-R", f'cat "{path}"', self._device, folder=self.disk.parent).out

    def sha256(self, path: str) -> str:
        """Of a file's content as it lies in the image."""
        digest = hashlib.sha256()
        with subprocess.Popen(
            system_tool.command("debugfs", "-R", f'cat "{path}"', self._device),
            cwd=self.disk.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=system_tool.environment(),
        ) as reader:
            assert reader.stdout is not None
            while chunk := reader.stdout.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def blockers(self, entries: Iterable[Injected | Link]) -> list[str]:
        """Paths where something stands in the way: a file that is there, a folder that is none."""
        blocked = []
        for entry in entries:
            stat = self.stat(entry.path)
            may = stat is None or (isinstance(entry, Injected) and entry.replace and stat.kind == "regular")
            if not may:
                blocked.append(entry.path)
        for folder in _folders(entries):
            stat = self.stat(folder)
            if stat and stat.kind != "directory":
                blocked.append(folder)
        return blocked

    def room_for(self, entries: Sequence[Injected | Link]) -> tuple[int, int]:
        """Bytes and inodes that these entries take at most, block maps and new folders counted in."""
        block = self.superblock().block_size
        folders = len(_folders(entries))
        content = sum(-(-entry.size() // block) + 4 for entry in entries if isinstance(entry, Injected))
        # A block for each new name too: its folder may have to grow.
        return (content * 129 // 128 + len(entries) + 2 * folders) * block, len(entries) + folders

    def inject(self, entries: Sequence[Injected | Link], scratch: Path) -> None:
        """Put files and links in; missing folders are made, 0755 and root's.  scratch: the image's own folder.

        Raises ToolFailed with what debugfs says; then the image is not to be used."""
        lines = []
        for folder in _folders(entries):
            if not self.exists(folder):
                lines += [f'mkdir "{folder}"', *_owned(folder, 0o40755, 0, 0)]
        for number, entry in enumerate(entries):
            if isinstance(entry, Link):
                lines.append(f'symlink "{entry.path}" "{entry.target}"')
                continue
            source = scratch / f"in-{number}"
            if isinstance(entry.content, bytes):
                source.write_bytes(entry.content)
            else:
                source.symlink_to(entry.content.absolute())
            if self.exists(entry.path):
                lines.append(f'rm "{entry.path}"')
            place = PurePosixPath(entry.path)
            # `write` takes a slash for a part of the name.
            lines += [f'cd "{place.parent}"', f'write {source.name} "{place.name}"']
            lines += _owned(entry.path, 0o100000 | entry.mode, entry.uid, entry.gid)
        commands = scratch / "commands"
        commands.write_text("\n".join(lines) + "\n", encoding="ascii")
        done = system_tool.run("debugfs", "-w", "-f", commands.name, self._device, folder=scratch)
        said = [line for line in done.err.splitlines() if line.strip() and not re.match(r"debugfs \d", line)]
        if said:
            raise ToolFailed("The files could not be put into the image.", value=last_words("\n".join(said)))

    def verify(self, entries: Iterable[Injected | Link]) -> None:
        """Read every entry back. Raises KitError for the first that is not as it was to be."""
        for entry in entries:
            found = self.stat(entry.path)
            if isinstance(entry, Link):
                holds = found is not None and (found.kind, found.target) == ("symlink", entry.target)
            else:
                wanted = Stat("regular", entry.mode, entry.uid, entry.gid, entry.size())
                holds = found == wanted and self.sha256(entry.path) == entry.sha256()
            if not holds:
                raise KitError("A file that was put in does not read back as it was.", where=entry.path, value=found)
        for folder in _folders(entries):
            found = self.stat(folder)
            if found is None or found.kind != "directory":
                raise KitError("A folder that was made is not there.", where=folder)


def resize(file: Path, size: int) -> None:
    """Grow the file system that is all of `file` to `size` bytes. Raises ToolFailed.

    Trap: resize2fs takes "?offset=" too, and then cuts the image off as though the offset were none. So a partition is
    taken out, grown as a file of its own, and put back."""
    os.truncate(file, size)
    system_tool.run("e2fsck", "-fp", file.name, folder=file.parent, ok=(0, 1))
    system_tool.run("resize2fs", file.name, folder=file.parent)
    Ext4(file).check()


def _owned(path: str, mode: int, uid: int, gid: int) -> list[str]:
    return [f'sif "{path}" mode 0{mode:o}', f'sif "{path}" uid {uid}', f'sif "{path}" gid {gid}']


def _folders(entries: Iterable[Injected | Link]) -> list[str]:
    """Every folder above the entries once, outer ones first."""
    return list(dict.fromkeys(folder for entry in entries for folder in folders_of(entry.path)))
