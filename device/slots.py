"""The state folder of a board: slots, the one link that says which is active, and where documents come and go.

    slots/<first 16 of bundle id>/bundle, venv, signer.pub    installed bundles: the active one and the one before
    active -> slots/<…>                           the one link that an install switches, last
    previous -> slots/<…>                         what was active before, kept to go back to
    counters.json                                 the newest release of each bundle that was ever active here
    inbox/ outbox/ failed/                        the folder service

Knows nothing of what is in a bundle. A folder in slots/ that no link points to does not count, and is removed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from boardwright.schemas.durable import alone, disk, make_folder, replace_text, sync_folder
from boardwright.schemas.errors import KitError

DEFAULT = Path("/var/lib/boardwright")
ACTIVE, PREVIOUS, COUNTERS = "active", "previous", "counters.json"


@dataclass(frozen=True)
class Slot:
    """An installed bundle: `folder` is where it really is, never the link."""

    folder: Path

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"

    @property
    def venv(self) -> Path:
        return self.folder / "venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def program(self) -> Path:
        return self.venv / "bin" / "boardwright-device"

    @property
    def signer(self) -> Path:
        """The public key that the bundle was verified with."""
        return self.folder / "signer.pub"


@dataclass(frozen=True)
class State:
    """A state folder; it need not exist yet."""

    folder: Path

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    @property
    def failed(self) -> Path:
        return self.folder / "failed"

    def slot(self, bundle_id: str) -> Slot:
        return Slot(self.folder / "slots" / bundle_id[:16])

    def active(self) -> Slot | None:
        return self._at(ACTIVE)

    def previous(self) -> Slot | None:
        return self._at(PREVIOUS)

    def _at(self, link: str) -> Slot | None:
        try:
            folder = self.folder / (self.folder / link).readlink()
        except OSError:
            return None
        return Slot(folder) if folder.is_dir() else None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the state for one install at a time. Raises NoSpace, KitError."""
        with disk(self.folder, "change the state folder"):
            make_folder(self.folder / "slots")
            with alone(self.folder):
                # Holding the lock, whatever is still called this was left behind by a process that was killed.
                for left in (*self.folder.glob(".*.new"), *self.folder.glob(".*.part")):
                    left.unlink()
                yield

    def activate(self, slot: Slot, name: str, counter: int) -> None:
        """Make a complete slot the active one; what was active is `previous` then.

        Each link is replaced by one rename: at any moment, and after a power cut at any moment, either the old slot
        is active or the new one. name, counter: of the bundle; older ones are refused from here on."""
        replace_text(self.folder / COUNTERS, json.dumps(self._counters() | {name: counter}, indent=1) + "\n")
        if (before := self.active()) and before != slot:
            self._point(PREVIOUS, before)
        self._point(ACTIVE, slot)

    def clean(self) -> None:
        """Remove every slot but the active one and the one before."""
        keep = [slot.folder for slot in (self.active(), self.previous()) if slot]
        for folder in (self.folder / "slots").iterdir():
            if folder not in keep:
                shutil.rmtree(folder)

    def newest(self, name: str) -> int:
        """The counter of the newest release of a bundle that was active here; 0 for one that never was."""
        return self._counters().get(name, 0)

    def _counters(self) -> dict[str, int]:
        file = self.folder / COUNTERS
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            return {str(name): int(counter) for name, counter in told.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise KitError(
                "What was installed here can't be read, so an older release could not be told from a newer one.",
                where=file,
                value=str(error),
                next="if you know that the bundle is the newest, remove that file and install again",
            ) from None

    def _point(self, link: str, slot: Slot) -> None:
        temporary = self.folder / f".{link}.new"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(slot.folder.relative_to(self.folder))
        temporary.replace(self.folder / link)
        sync_folder(self.folder)


def state_folder() -> Path:
    """$BOARDWRIGHT_STATE, else /var/lib/boardwright."""
    return Path(os.environ.get("BOARDWRIGHT_STATE") or DEFAULT)


def active_folder() -> Path | None:
    """The active slot of this machine, where there is one: what a command without --bundle runs."""
    slot = State(state_folder()).active()
    return slot.folder if slot else None
