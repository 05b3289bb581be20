"""The store of stage outputs, each under its content id; a second run is a look-up.

Knows nothing of what a stage does. On disk:

    artifacts/<id[:2]>/<id>/   finished, with its artifact.json; moved here whole, never changed afterwards
    work/<id>/                 being made; outlives a kill, so that a long stage can go on where it was
    work/<id>.lock             held (flock) by whoever makes it; the kernel drops it with the process
    trash/                     being deleted
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from boardwright.build.ids import JSON, content_id, file_id, folder_id
from boardwright.schemas.errors import KitError, NoSpace
from boardwright.schemas.reporters import duration
from boardwright.schemas.steps import current_step, step

__all__ = ["JSON", "Artifact", "Store", "content_id", "default_root", "file_id", "folder_id"]

MANIFEST = "artifact.json"
# A stage's own checkpoints: kept for a resume, thrown away when the stage has finished.
SCRATCH = "scratch"


@dataclass(frozen=True)
class Artifact:
    """A stage's output. `seconds` is what making it took (the last run of it, if resumed), also when it is reused."""

    id: str
    path: Path
    reused: bool
    seconds: float


def default_root() -> Path:
    """$BOARDWRIGHT_STORE, else the user's cache folder."""
    if own := os.environ.get("BOARDWRIGHT_STORE"):
        return Path(own)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "boardwright" / "store"


class Store:
    """Stage outputs under `root`. Safe for several processes and threads at once."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_root()
        try:
            for folder in ("artifacts", "work", "trash"):
                (self.root / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KitError(
                f"Cannot make the store: {error.strerror}.",
                where=self.root,
                next="set BOARDWRIGHT_STORE to a folder that you can write to",
            ) from error

    def get(self, id: str) -> Path | None:
        """Folder of a finished artifact, or None. One whose files are gone or of another size counts as none."""
        found = self._found(id)
        return found.path if found else None

    def produce(
        self,
        stage: str,
        version: int,
        options: Mapping[str, JSON],
        inputs: Sequence[str],
        make: Callable[[Path], None],
        *,
        title: str | None = None,
        resumable: bool = False,
        redo: bool = False,
    ) -> Artifact:
        """The artifact of this stage call: looked up, or made by `make(folder)`.

        make: writes regular files into the folder it is given. With `resumable`, it finds there what an earlier,
            killed or failed run of the same call has left; what it puts under `folder/"scratch"` is for that only and
            is no part of the artifact. Without, the folder is empty and does not outlive a failure.
        title: of the step that reports it; the stage's name unless given.  redo: make it again, from nothing.
        Two callers of the same id: one makes it, the other waits and gets it.  Raises NoSpace, and what make raises.
        """
        id = content_id(stage, version, options, inputs)
        about: dict[str, JSON] = {"stage": stage, "version": version, "options": options, "inputs": inputs}
        with step(title or stage) as s, self._room(stage):
            artifact = None if redo else self._found(id)
            if artifact is None:
                with self._lock(id):
                    # Again, now that nobody else makes it: whoever we have waited for has.
                    artifact = None if redo else self._found(id)
                    if artifact is None:
                        return self._make(id, about, make, resumable, redo)
            s.reused(f"took {duration(artifact.seconds)}")
            return artifact

    def forget(self, id: str) -> bool:
        """Remove an artifact and what is left of work on it. False if there was neither."""
        with self._lock(id):
            return any([self._discard(self._place(id)), self._discard(self.root / "work" / id)])

    def size(self) -> int:
        """Bytes of all files in the store."""
        return _size(self.root)

    def prune(self, keep_days: float) -> int:
        """Remove artifacts not used, and unfinished work not touched, for so many days; return the bytes freed.

        What another process is making is left alone.
        """
        freed = 0
        before = time.time() - keep_days * 86400
        for path in [*self.root.glob("artifacts/*/*"), *self.root.glob("work/*")]:
            if path.suffix == ".lock" or _touched(path) > before:
                continue
            with suppress(BlockingIOError), self._lock(path.name, wait=False):
                size = _size(path)
                if _touched(path) <= before and self._discard(path):
                    freed += size
        for leftover in self.root.glob("trash/*"):
            freed += _size(leftover)
            shutil.rmtree(leftover, ignore_errors=True)
        return freed

    def _place(self, id: str) -> Path:
        return self.root / "artifacts" / id[:2] / id

    def _found(self, id: str) -> Artifact | None:
        path = self._place(id)
        if (about := _read_manifest(path, id)) is None:
            return None
        with suppress(OSError):  # a read-only store still serves
            os.utime(path)  # last use, which `prune` goes by
        return Artifact(id, path, True, float(about["seconds"]))

    def _make(
        self, id: str, about: dict[str, JSON], make: Callable[[Path], None], resumable: bool, redo: bool
    ) -> Artifact:
        work = self.root / "work" / id
        if redo:
            self._discard(work)
        try:
            if (done := _read_manifest(work, id)) is not None:  # killed just before its move
                seconds = float(done["seconds"])
            else:
                if not resumable:
                    self._discard(work)
                seconds = self._fill(id, work, about, make)
            self._commit(id, work)
        except BaseException:
            if not resumable:
                self._discard(work)
            raise
        return Artifact(id, self._place(id), False, seconds)

    def _fill(self, id: str, work: Path, about: dict[str, JSON], make: Callable[[Path], None]) -> float:
        """Run the stage. The manifest, written last, says that everything else is whole and safely on disk."""
        work.mkdir(exist_ok=True)
        started = time.monotonic()
        make(work)
        seconds = round(time.monotonic() - started, 3)
        if (work / MANIFEST).exists():
            raise ValueError(f"{MANIFEST} is the store's own file; stage {about['stage']!r} wrote one")
        files = _files(work)
        for path in [*files, *(path for path in work.rglob("*") if path.is_dir())]:
            _fsync(path)
        sizes = {file.relative_to(work).as_posix(): file.stat().st_size for file in files}
        tool = installed_version("boardwright")
        manifest = {"id": id, **about, "seconds": seconds, "boardwright": tool, "files": sizes}
        _write(work / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False))
        return seconds

    def _commit(self, id: str, work: Path) -> None:
        self._discard(work / SCRATCH)
        place = self._place(id)
        place.parent.mkdir(exist_ok=True)
        self._discard(place)  # redone, or damaged
        work.rename(place)
        _fsync(place.parent)

    @contextmanager
    def _room(self, stage: str) -> Iterator[None]:
        """Turn a full disk into NoSpace, wherever it shows."""
        try:
            yield
        except Exception as error:
            if not _disk_is_full(error):
                raise
            raise NoSpace(
                f"The disk is full: '{stage}' could not finish.",
                where=self.root,
                value=f"{shutil.disk_usage(self.root).free / 2**20:,.0f} MiB free after clean-up",
                next="free some space, prune the store, or set BOARDWRIGHT_STORE to a folder on a larger disk",
            ) from error

    def _discard(self, path: Path) -> bool:
        """Delete a folder; nobody ever sees half of it, because it is moved out of the way first."""
        if not path.exists():
            return False
        # A name of its own, not a folder of its own: on a full disk there may be no block for one.
        grave = self.root / "trash" / f"{path.name}.{os.getpid()}.{time.time_ns()}"
        path.rename(grave)
        shutil.rmtree(grave, ignore_errors=True)
        return True

    @contextmanager
    def _lock(self, id: str, wait: bool = True) -> Iterator[None]:
        path = self.root / "work" / f"{id}.lock"
        while True:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if not wait:
                        raise
                    current_step().note("waiting: another build is making the same artifact")
                    fcntl.flock(file, fcntl.LOCK_EX)
                if not _is_at(file, path):  # unlinked by its last holder: somebody else may lock a new one by now
                    continue
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return
            finally:
                os.close(file)


def _read_manifest(folder: Path, id: str) -> dict[str, Any] | None:
    """The manifest, if the folder is the whole artifact that it says it is."""
    try:
        about: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        whole = about["id"] == id and all((folder / name).stat().st_size == n for name, n in about["files"].items())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return about if whole else None


def _files(folder: Path) -> list[Path]:
    """Regular files below a work folder, scratch aside. A link would break as soon as its target moves: refused."""
    paths = [path for path in folder.rglob("*") if SCRATCH not in path.relative_to(folder).parts[:1]]
    for path in paths:
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError(f"a stage's output is regular files and folders only, and {path} is neither")
    return sorted(path for path in paths if path.is_file())


def _write(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, and safely on disk."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    _fsync(part)
    part.rename(path)
    _fsync(path.parent)


def _fsync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _disk_is_full(error: BaseException | None) -> bool:
    while error is not None:
        # Writers in Rust and C++ (safetensors, torch) raise their own types; only their text tells.
        if (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)) or (
            "No space left on device" in str(error)
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def _stats(path: Path) -> Iterator[os.stat_result]:
    """Stats of a folder and all below it, as far as they are still there."""
    for folder, _, names in os.walk(path):  # unlike rglob, it survives folders that vanish meanwhile
        for below in (Path(folder), *(Path(folder, name) for name in names)):
            with suppress(FileNotFoundError):
                yield below.lstat()


def _size(path: Path) -> int:
    return sum(found.st_size for found in _stats(path) if stat.S_ISREG(found.st_mode))


def _touched(path: Path) -> float:
    return max((found.st_mtime for found in _stats(path)), default=0.0)
