"""The folder service: documents that are put into inbox/ become records in outbox/, one after the other.

    inbox/a.txt      -> outbox/a.json       one record
    inbox/a.jsonl    -> outbox/a.jsonl      a record, or an error, a line
    what cannot be read as a record         -> failed/a.txt and failed/a.txt.error

Knows nothing of bundles: what makes records of texts comes in. Every record names the document that it is of by
sha256, so a restart between writing a record and removing its document does not do it twice, and loses neither.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from boardwright.device.documents import STDIN, Document, is_jsonl, read_documents
from boardwright.device.extract import extract, json_line
from boardwright.device.slots import State
from boardwright.schemas.durable import disk, open_regular, replace_text, sync_folder
from boardwright.schemas.errors import BadDocument, KitError, NoSpace

if TYPE_CHECKING:
    from boardwright.device.extract import ExtractMany

SUFFIXES = (".txt", ".jsonl")
SECONDS = 1.0

Look = tuple[int, int, int]  # inode, size, time of the last write: a document that is still being written changes these


@dataclass(frozen=True)
class Done:
    """What became of a document.  failed: of how many it holds."""

    name: str
    output: Path
    documents: int
    failed: int


class Inbox:
    """Tells which documents have come to rest: looked at twice, and the same."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, Look] = {}
        self._changed: int | None = None

    def settled(self) -> list[str]:
        """Names of the documents that did not change since the last call, oldest first.

        Raises KitError. Writes nothing, not even the folder's time of access while nothing comes in."""
        with disk(self._folder, "look into the inbox"):
            changed = self._folder.stat().st_mtime_ns
            # Once more after the last change: what came within the same tick of the clock is seen then.
            if changed == self._changed and not self._seen:
                return []
            self._changed = changed
            found = {}
            for entry in os.scandir(self._folder):
                # Hidden ones are still being copied (rsync, scp -p by some), and links could lead to others' files.
                if entry.name.startswith(".") or not entry.name.lower().endswith(SUFFIXES):
                    continue
                with suppress(FileNotFoundError):
                    told = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(told.st_mode):
                        found[entry.name] = (told.st_ino, told.st_size, told.st_mtime_ns)
        rested = [name for name, look in found.items() if self._seen.get(name) == look]
        self._seen = found
        return sorted(rested, key=lambda name: (found[name][2], name))


def watch(
    many: ExtractMany,
    state: State,
    stop: threading.Event,
    say: Callable[[str], object],
    seconds: float = SECONDS,
) -> None:
    """Turn documents into records until `stop` is set; the document at hand is finished first. Raises KitError."""
    sweep(state)
    inbox = Inbox(state.inbox)
    while not stop.is_set():
        for name in inbox.settled():
            if stop.is_set():
                return
            try:
                done = take(many, state, name)
            except NoSpace as error:
                # The document stays where it is; a service that dies of this would load its model every few seconds.
                say(f"error: {error}")
                stop.wait(seconds * 60)
                break
            if done:
                failed = f", {done.failed} of {done.documents} failed" if done.failed else ""
                say(f"{name}: {done.output}{failed}")
        stop.wait(seconds)


def take(many: ExtractMany, state: State, name: str) -> Done | None:
    """Make the records of one document of the inbox and remove it; None for one that has gone. Raises KitError."""
    source, output = state.inbox / name, state.outbox / f"{Path(name).stem}{'.jsonl' if is_jsonl(name) else '.json'}"
    try:
        file = open_regular(source, follow=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _fail(state, name, KitError(f"Cannot read this file: {error.strerror}.", where=name))
    lines, failures = [], []
    with file, disk(source, "read the document"):
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if _is_of(output, digest):
            # Written before a restart that came in between.
            source.unlink(missing_ok=True)
            return Done(name, output, 1, 0)
        file.seek(0)
        for document, outcome in extract(many, _documents(file, name)):
            lines.append(json_line(document, outcome, source_sha256=digest) + "\n")
            if isinstance(outcome, KitError):
                failures.append(outcome)
    if len(failures) == len(lines):
        return _fail(state, name, failures[0] if failures else BadDocument("There is no document.", where=name))
    replace_text(output, "".join(lines))
    with disk(source, "remove the document"):
        source.unlink(missing_ok=True)
        sync_folder(state.inbox)
    return Done(name, output, len(lines), len(failures))


def sweep(state: State) -> None:
    """Make the folders, and remove what a process that was killed was writing."""
    for folder in (state.inbox, state.outbox, state.failed):
        with disk(folder, "make the folder"):
            folder.mkdir(parents=True, exist_ok=True)
    for folder in (state.outbox, state.failed):
        for left in folder.glob(".*.part"):
            left.unlink(missing_ok=True)


@contextmanager
def until_told() -> Iterator[threading.Event]:
    """An event that SIGTERM sets: systemd stops services with it."""
    stop = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)


def notify(text: str) -> None:
    """Tell systemd how the service is, where it listens (sd_notify(3)): "READY=1", "STOPPING=1"."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address.startswith(("/", "@")):
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            # "@" stands for the NUL that begins an abstract name.
            out.sendto(text.encode(), f"\0{address[1:]}" if address.startswith("@") else address)


def _documents(file: BinaryIO, name: str) -> Iterator[Document]:
    """The documents of an open file, as if they had been read from it by its name."""
    shown = os.fsencode(name).decode("utf-8", "replace")
    for one in read_documents([STDIN], jsonl=is_jsonl(name), stdin=file):
        where = one.where.replace("stdin", shown, 1)
        yield Document(where if one.id == one.where else one.id, where, one.text)


def _fail(state: State, name: str, error: KitError) -> Done:
    """Put a document aside, its reason first: the reason of a document that is still in the inbox does no harm."""
    output = state.failed / name
    replace_text(state.failed / f"{name}.error", f"{error}\n")
    with disk(output, "put the document aside"):
        (state.inbox / name).replace(output)
        sync_folder(state.failed)
        sync_folder(state.inbox)
    return Done(name, output, 1, 1)


def _is_of(output: Path, digest: str) -> bool:
    """Whether an output is of this document."""
    try:
        with output.open(encoding="utf-8") as file:
            return bool(json.loads(file.readline()).get("source_sha256") == digest)
    except (OSError, ValueError, AttributeError):
        return False
