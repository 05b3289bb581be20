"""Many documents into one file of records, through kills and power cuts: what is done is never done again.

Knows nothing of bundles beyond their name for this work. Records go to a part file beside the output, a line each, in
the order of the documents; a second run checks that they are of the same documents and goes on behind them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from boardwright.device.documents import Document
from boardwright.device.extract import extract, json_line
from boardwright.schemas.durable import disk, sync, sync_folder
from boardwright.schemas.errors import KitError
from boardwright.schemas.steps import step

if TYPE_CHECKING:
    from boardwright.device.extract import ExtractMany

SECONDS_BETWEEN_SYNCS = 5.0


@dataclass(frozen=True)
class Outcome:
    """documents: in the output.  failed: of those, lines with an error.  resumed: found done by an earlier run."""

    documents: int
    failed: int
    resumed: int


def part_file(output: Path, work: str) -> Path:
    """Where the lines of an unfinished run are. work: names what makes them; another bundle begins anew."""
    return output.with_name(f".{output.name}.{work[:16]}.part")


def batch(
    many: ExtractMany, documents: Iterable[Document], output: Path, work: str, total: int | None = None
) -> Outcome:
    """Write a line for every document, as `extract --json` does; `output` is there when all are.

    Raises KitError when the part file is of other documents, NoSpace when the disk is full; the part file stays."""
    output = output.resolve()
    part = part_file(output, work)
    with disk(part, "write the records"), open(part, "a+b") as file:
        done, failed = _whole_lines(part, file.fileno())
        count = len(done)
        with step(f"Fill {output.name}") as running:
            if count:
                running.note(f"going on after {count:,} documents")
            waiting = _skip(documents, done, part)
            synced = time.monotonic()
            for document, outcome in extract(many, waiting):
                count += 1
                failed += isinstance(outcome, KitError)
                if isinstance(outcome, KitError):
                    running.note(f"error: {outcome}")
                file.write(json_line(document, outcome).encode("utf-8") + b"\n")
                # Whole lines to the kernel: a kill of this process then loses nothing that was done.
                file.flush()
                running.progress(count, total)
                if time.monotonic() - synced > SECONDS_BETWEEN_SYNCS:
                    sync(file)
                    synced = time.monotonic()
        sync(file)
        part.replace(output)
        sync_folder(output.parent)
    return Outcome(count, failed, len(done))


def _whole_lines(part: Path, fd: int) -> tuple[list[str], int]:
    """Ids of the documents that are done, and how many of those failed; what a power cut left of a line is cut off."""
    ids: list[str] = []
    failed = good = 0
    with open(part, "rb") as file:
        for line in file:
            try:
                value = json.loads(line) if line.endswith(b"\n") else None
                ids.append(value["id"])  # type: ignore[index]
            except (ValueError, TypeError, KeyError):
                break
            failed += "error" in value  # type: ignore[operator]
            good += len(line)
    os.ftruncate(fd, good)
    return ids, failed


def _skip(documents: Iterable[Document], done: list[str], part: Path) -> Iterator[Document]:
    """The documents behind those that are done."""
    waiting = iter(documents)
    for number, known in enumerate(done, 1):
        document = next(waiting, None)
        if document is None or document.id != known:
            raise KitError(
                "An earlier run on other documents was not finished.",
                where=f"{part}, line {number}",
                value=known,
                allowed="no more documents" if document is None else document.id,
                next="give the same documents, or remove that file to begin anew",
            )
    yield from waiting
