"""A board over ssh: the user's own ssh, with its configuration, keys and known hosts.

Knows nothing of bundles. Every command shares one connection, so a passphrase is asked for once.
"""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from boardwright.schemas.errors import KitError

LOST = 255  # ssh's exit code when the fault is its own
CHUNK = 64 * 1024
# What ssh says, what that means, and what helps. The first that is found counts.
REASONS = (
    ("IDENTIFICATION HAS CHANGED", "The board's host key is not the one that is known: another board, or an intruder.",
     "if you have flashed it anew: ssh-keygen -R BOARD, then ssh to it once and compare the key"),
    ("Host key verification failed", "The board's host key is not known here.",
     "ssh to it once, compare the key, and accept it"),
    ("Permission denied", "The board does not let you in.", "check the user name and --identity; ssh-copy-id may help"),
    ("Could not resolve hostname", "There is no board of this name.", "check the name, or use its address"),
    ("No route to host", "There is no way to the board.", "is it on, and in this network?"),
    ("Network is unreachable", "There is no way to the board.", "is this machine in a network?"),
    ("Connection refused", "The board is there, but no ssh server answers.", "switch ssh on there, or check --port"),
    ("timed out", "The board does not answer.", "is it on, and in this network?"),
)  # fmt: skip


class ConnectionLost(KitError):
    """The connection could not be made, or ended in the middle."""


@dataclass(frozen=True)
class Board:
    """host: as ssh takes it, "pi@raspberrypi.local" or a name of ~/.ssh/config."""

    host: str
    options: tuple[str, ...]

    def command(self, script: str) -> list[str]:
        """A command that runs a script by the board's sh, whatever shell its user has."""
        return ["ssh", *self.options, "--", self.host, f"sh -c {shlex.quote(script)}"]

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script to its end. Raises ConnectionLost; what the script makes of it is the caller's."""
        ran = subprocess.run(
            self.command(script),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if ran.returncode == LOST:
            raise lost(self.host, ran.stderr)
        return ran

    def feed(self, script: str, source: BinaryIO) -> Iterator[int]:
        """Run a script on the rest of an open file; yields bytes as they go. Raises ConnectionLost, KitError."""
        with tempfile.TemporaryFile("w+", errors="replace") as said:
            command = self.command(script)
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said) as running:
                assert running.stdin
                try:
                    while chunk := source.read(CHUNK):
                        running.stdin.write(chunk)
                        yield len(chunk)
                    running.stdin.close()
                except BrokenPipeError:
                    pass  # its exit code tells more
                code = running.wait()
            said.seek(0)
            errors = said.read()
        if code == LOST:
            raise lost(self.host, errors)
        if code:
            full = "No space left on device" in errors
            raise KitError(
                "The board's disk is full." if full else "The board did not take the file.",
                where=self.host,
                value=(errors.strip().splitlines() or [f"exit code {code}"])[-1],
                next="make room there, then push again: what has arrived is kept" if full else None,
            )


@contextmanager
def connect(host: str, port: int | None, identity: Path | None) -> Iterator[Board]:
    """One connection for as long as the block lasts; it is made by the first command."""
    with tempfile.TemporaryDirectory(prefix="bw-") as folder:
        options = ["-o", "ControlMaster=auto", "-o", f"ControlPath={folder}/%C", "-o", "ControlPersist=60"]
        # A board that loses its power says nothing: notice within a minute.
        options += ["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4", "-o", "ConnectTimeout=20"]
        options += ["-p", str(port)] if port else []
        options += ["-i", str(identity)] if identity else []
        try:
            yield Board(host, tuple(options))
        finally:
            subprocess.run(["ssh", *options, "-O", "exit", "--", host], capture_output=True, check=False)


def lost(host: str, said: str) -> ConnectionLost:
    for words, what, advice in REASONS:
        if words.lower() in said.lower():
            return ConnectionLost(what, where=host, next=advice)
    return ConnectionLost(
        "The connection to the board ended.",
        where=host,
        value=(said.strip().splitlines() or ["ssh gives no reason"])[-1],
        next="push again: it goes on where it was",
    )
