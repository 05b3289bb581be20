"""Tools of the operating system that a command runs: found, run in plain English, and named when they are not there.

Knows nothing of what they do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from boardwright.schemas.errors import KitError

# Debian's package of each; the same names serve on Ubuntu and Raspberry Pi OS.
PACKAGES = {
    "blkid": "util-linux",
    "debugfs": "e2fsprogs",
    "dumpe2fs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "fsck.fat": "dosfstools",
    "mcopy": "mtools",
    "mdir": "mtools",
    "mdel": "mtools",
    "openssl": "openssl",
    "resize2fs": "e2fsprogs",
    "sfdisk": "fdisk",
    "xz": "xz-utils",
}
# Messages are read, so they are to be English; MTOOLSRC: a user's own drive letters have no say here.
ENVIRONMENT = {"LC_ALL": "C", "MTOOLSRC": os.devnull, "MTOOLS_SKIP_CHECK": "1"}


@dataclass(frozen=True)
class Ran:
    code: int
    out: bytes
    err: str


class ToolFailed(KitError):
    """A tool of the system ended otherwise than it should."""


def find(tool: str) -> str | None:
    """Its path. Looks into the sbin folders too: a user's PATH on Debian has none of them."""
    return shutil.which(tool, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


def need(tools: Collection[str]) -> None:
    """Raises KitError that names all that are missing, and the packages to install."""
    missing = sorted(tool for tool in tools if not find(tool))
    if missing:
        packages = sorted({PACKAGES[tool] for tool in missing})
        raise KitError(
            f"This needs tools that are not installed: {', '.join(missing)}.",
            next=f"sudo apt install {' '.join(packages)}",
        )


def command(tool: str, *arguments: str) -> list[str]:
    need([tool])
    return [find(tool) or tool, *arguments]


def environment() -> dict[str, str]:
    return os.environ | ENVIRONMENT


def run(
    tool: str, *arguments: str, folder: Path | None = None, given: str | bytes = b"", ok: Sequence[int] = (0,)
) -> Ran:
    """Run a tool to its end, in `folder`, with `given` on its stdin.  ok: exit codes that are no failure.

    Raises ToolFailed with its last words, KitError when it is not installed."""
    done = subprocess.run(
        command(tool, *arguments),
        cwd=folder,
        input=given.encode() if isinstance(given, str) else given,
        capture_output=True,
        env=environment(),
        check=False,
    )
    err = done.stderr.decode(errors="replace")
    if done.returncode not in ok:
        raise ToolFailed(
            f"{tool} failed.",
            where=" ".join([tool, *arguments]),
            value=last_words(err) or last_words(done.stdout.decode(errors="replace")) or f"exit code {done.returncode}",
        )
    return Ran(done.returncode, done.stdout, err)


def last_words(text: str) -> str:
    """The last three lines that say something, as one."""
    return " | ".join([line.strip() for line in text.splitlines() if line.strip()][-3:])
