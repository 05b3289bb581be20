"""A reader of FAT32 of our own, for tests only: it shares nothing with mtools, which the code under test writes by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

LONG, FOLDER, LABEL = 0x0F, 0x10, 0x08


class Fat32:
    """The file system that begins at the start of `data`."""

    def __init__(self, data: bytes) -> None:
        self.data = data

        def number(at: int, size: int) -> int:
            return int.from_bytes(data[at : at + size], "little")

        self.cluster = number(11, 2) * data[13]
        reserved, self.fats, self.fat_size = number(14, 2) * number(11, 2), data[16], number(36, 4) * number(11, 2)
        self.table = reserved
        self.heap = reserved + self.fats * self.fat_size
        self.root = number(44, 4)
        assert data[510:512] == b"\x55\xaa" and data[82:87] == b"FAT32"

    def listing(self) -> dict[str, tuple[object, ...]]:
        """Every path with its kind, size and content's hash."""
        data = self.data[self.table : self.heap]
        first, second = (data[i * self.fat_size : (i + 1) * self.fat_size] for i in range(2))
        assert first == second, "the two tables differ"
        return dict(self._walk(self.root, ""))

    def _walk(self, cluster: int, above: str) -> Iterator[tuple[str, tuple[object, ...]]]:
        folder, long = self._chain(cluster), ""
        for at in range(0, len(folder), 32):
            entry = folder[at : at + 32]
            if entry[0] == 0:
                return
            if entry[0] == 0xE5 or (entry[11] & LABEL and entry[11] != LONG):
                long = ""
            elif entry[11] == LONG:
                long = (entry[1:11] + entry[14:26] + entry[28:32]).decode("utf-16-le").split("\0")[0] + long
            else:
                path, long = f"{above}/{long or _short(entry)}", ""
                start = int.from_bytes(entry[20:22] + b"\0\0", "little") << 16 | int.from_bytes(entry[26:28], "little")
                size = int.from_bytes(entry[28:32], "little")
                if entry[11] & FOLDER:
                    if not path.endswith(("/.", "/..")):
                        yield path, ("folder",)
                        yield from self._walk(start, path)
                else:
                    content = self._chain(start)[:size] if size else b""
                    yield path, ("file", 0, 0, size, 1, hashlib.sha256(content).hexdigest())

    def _chain(self, cluster: int) -> bytes:
        parts = []
        while 2 <= cluster < 0x0FFFFFF8:
            at = self.heap + (cluster - 2) * self.cluster
            parts.append(self.data[at : at + self.cluster])
            link = self.table + 4 * cluster
            cluster = int.from_bytes(self.data[link : link + 4], "little") & 0x0FFFFFFF
        return b"".join(parts)


def _short(entry: bytes) -> str:
    """NAME.EXT; bits 3 and 4 of byte 12 make either part lower-case."""
    name, extension = entry[:8].decode("ascii").rstrip(), entry[8:11].decode("ascii").rstrip()
    name = name.lower() if entry[12] & 8 else name
    extension = extension.lower() if entry[12] & 16 else extension
    return f"{name}.{extension}" if extension else name
