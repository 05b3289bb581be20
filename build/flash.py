"""Write an image to a card: look at both, hold the disk, ask, copy.

Knows nothing of how the copy is proved (verified_copy.py) and what a disk is in use for (disks.py).
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from boardwright.build.block_device import hold
from boardwright.build.disks import Disk, Machine, check_contents, objections, refusal, size_text
from boardwright.build.image_stream import Image, open_image
from boardwright.build.verified_copy import Written, copy, has_old_gpt
from boardwright.schemas.errors import KitError
from boardwright.schemas.steps import step

CHUNK = 4 * 1024 * 1024  # bytes; as much as an SD card erases at once


@dataclass(frozen=True)
class Plan:
    """What is going to be done, as --dry-run shows it."""

    image: Image
    disk: Disk
    old_gpt: bool

    @property
    def text(self) -> str:
        image = self.image
        size = size_text(image.size) if image.size else f"{size_text(image.at_least)} or more (gzip does not tell)"
        lines = [
            f"Image: {image.path}, {image.packing}, {size}, {image.table}",
            f"Disk:  {self.disk.text}",
            "1. Mark the first 4 KiB as not bootable, and zero what follows up to 1 MiB"
            + ("; zero the header of the old GPT at the disk's end" if self.old_gpt else ""),
            "2. Write the image from 4 KiB on, and sync",
            "3. Read all of it back from the disk, and compare",
            "4. Write the first 4 KiB, sync, read them back, and have the kernel read the new partition table",
        ]
        return "\n".join(lines)


def flash(
    path: Path,
    device: Path,
    *,
    serial: str | None = None,
    ask: Callable[[str], str] | None = None,
    allow_fixed: bool = False,
    dry_run: bool = False,
    show: Callable[[str], None] = lambda text: None,
    machine: Machine | None = None,
) -> Written | None:
    """Write the image at `path` to the disk at `device`; None after a dry run.

    serial: the disk's, given beforehand.  ask: puts a question to a person; None where there is none.
    Raises KitError before the first byte is written, FlashFailed after that."""
    machine = machine or Machine()
    with open_image(path) as image:
        disk = machine.disk(device)
        _check(image, disk, allow_fixed)
        with hold(disk, write=not dry_run) as medium:
            # Once more: nobody can take it from here on, and opening it is when the kernel notices another card in it.
            disk = machine.disk(device)
            _check(image, disk, allow_fixed)
            check_contents(disk)
            show(Plan(image, disk, has_old_gpt(medium)).text)
            if dry_run:
                return None
            _confirm(disk, serial, ask)
            # Held or not, a card can be pulled out of its reader and another put in while somebody reads the question.
            if machine.disk(device) != disk or medium.size != disk.size:
                raise refusal(disk, "it is another one than a moment ago")
            with step(f"Flash {disk.path}"):
                written = copy(image.chunks(CHUNK), medium, image.size)
            medium.reread_table()
            return written


def _check(image: Image, disk: Disk, allow_fixed: bool) -> None:
    for why in objections(disk, allow_fixed=allow_fixed):
        raise refusal(disk, why)
    if image.at_least > disk.size:
        raise KitError(
            "The image is larger than this disk.",
            where=disk.text,
            value=f"{image.at_least:,} bytes",
            allowed=f"{disk.size:,} bytes",
            next="take a larger card",
        )
    behind = Path(disk.serial)
    if disk.bus == "loop" and behind.exists() and os.path.samestat(os.fstat(image.file.fileno()), behind.stat()):
        raise refusal(disk, "it is the image itself")


def _confirm(disk: Disk, serial: str | None, ask: Callable[[str], str] | None) -> None:
    given = serial
    if given is None and ask is None:
        raise KitError(
            "Nobody is there to say that this is the right disk.",
            where=disk.text,
            next=f"run it in a terminal, or add --serial {shlex.quote(disk.token)}",
        )
    if given is None and ask is not None:
        given = ask(f"All that is on {disk.path} will be lost. To go on, type {disk.token}")
    if (given or "").strip() != disk.token:
        raise KitError(
            "That is another disk's serial: nothing was written.",
            where=disk.text,
            value=given,
            allowed=disk.token,
            next="boardwright flash --list",
        )
