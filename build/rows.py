"""The files that a teacher's rows go to: what is kept, and beside it what was rejected, through kills and power cuts.

Knows nothing of teachers or tasks. A row is a line; a line is whole or is cut off when the file is next opened.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from boardwright.schemas.durable import disk, make_folder, sync, sync_folder
from boardwright.schemas.errors import KitError
from boardwright.schemas.examples import read_lines
from boardwright.schemas.records import spell

SECONDS_BETWEEN_SYNCS = 5.0


def rejected_file(output: Path) -> Path:
    return output.with_name(output.name + ".rejected.jsonl")


@dataclass
class Rows:
    """One file that grows. there: what it held when it was opened."""

    path: Path
    there: list[dict[str, Any]]
    file: BinaryIO
    synced: float = 0.0

    def append(self, row: dict[str, Any]) -> None:
        """Write a line through to the kernel: a kill of this process then loses nothing that was done."""
        with disk(self.path, f"write {self.path.name}"):
            self.file.write(spell(row).encode("utf-8") + b"\n")
            self.file.flush()
            if time.monotonic() - self.synced > SECONDS_BETWEEN_SYNCS:
                sync(self.file)
                self.synced = time.monotonic()


@contextmanager
def open_rows(path: Path) -> Iterator[Rows]:
    """Open a file to add rows to, for this process alone. Raises KitError for a file that others write, or whose rows
    are no teacher's; BadExample for a damaged line that is not the last."""
    with disk(path, f"write {path.name}"):
        make_folder(path.parent.resolve())
    with _opened(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KitError(
                "Another run writes this file.", where=path, next="wait for it, or choose another output"
            ) from None
        with disk(path, f"read {path.name}"):
            _cut_torn_line(path, file.fileno())
        there = [row for _, row in read_lines(path)]
        for number, row in enumerate(there, 1):
            if not isinstance(row.get("id"), str) or not isinstance(row.get("origin"), dict):
                raise KitError(
                    "This file holds rows that no teacher wrote.",
                    where=f"{path}, row {number}",
                    allowed="a new file, or one that this command made",
                    next="choose another output with -o",
                )
        try:
            yield Rows(path, there, file, time.monotonic())
        finally:
            with disk(path, f"write {path.name}"):
                sync(file)
                sync_folder(path.parent.resolve())


def _opened(path: Path) -> BinaryIO:
    with disk(path, f"write {path.name}"):
        return open(path, "ab")


def _cut_torn_line(path: Path, fd: int) -> None:
    """Cut off what a kill or a power cut left of the last line: one without an end, or of something else than JSON."""
    content = path.read_bytes()
    good = content.rfind(b"\n") + 1
    last = content.rfind(b"\n", 0, max(0, good - 1)) + 1
    if good:
        try:
            json.loads(content[last:good])
        except ValueError:
            good = last
    if good < len(content):
        os.ftruncate(fd, good)
