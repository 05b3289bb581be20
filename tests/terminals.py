"""`boardwright label` as a person meets it: on a pseudo-terminal, key by key."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping

COMMAND = [sys.executable, "-c", "from boardwright.build.cli import main; main()"]
# What we send beside text: attributes, clear, home; and of readline: its own moves and bracketed paste.
SEQUENCES = re.compile(r"\x1b\[(?:[0-9;]*m|2J|H|\?2004[hl]|[0-9]*[CDKPJ@])")


class Session:
    """One run of the command on a terminal.  raw: all that it has sent."""

    def __init__(
        self,
        *args: object,
        environment: Mapping[str, str] = os.environ,
        term: str = "xterm",
        size: tuple[int, int] = (80, 24),
        **more: str,
    ) -> None:
        columns, rows = size
        # The size is that of the terminal, and no variable says another.
        clean = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:  # pragma: no cover - another process
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(COMMAND[0], [*COMMAND, "label", *map(str, args)], clean | {"TERM": term} | more)
        self.output = self.raw = ""
        # readline echoes byte by byte, and a read may end inside of a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.status: int | None = None

    def until(self, text: str, seconds: float = 100) -> str:
        """Read until this is to be seen behind what was seen before; return all from there on, without attributes."""
        deadline, seen = time.monotonic() + seconds, ""
        while text not in SEQUENCES.sub("", seen):
            assert time.monotonic() < deadline and self._read(0.5), f"{text!r} did not come:\n{seen}"
            seen, self.output = seen + self.output, ""
        # The rest of that screen, which was written at once; on a busy machine it comes in pieces.
        while select.select([self.fd], [], [], 0.3)[0] and self._read(0):
            pass
        seen, self.output = seen + self.output, ""
        return SEQUENCES.sub("", seen)

    def press(self, keys: str, then: str) -> str:
        os.write(self.fd, keys.encode())
        return self.until(then)

    def ends(self) -> str:
        """All that is left; `status` is the exit code then."""
        seen = ""
        while self._read(60):
            seen, self.output = seen + self.output, ""
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return SEQUENCES.sub("", seen)

    def quit(self, key: str = "q") -> str:
        os.write(self.fd, key.encode())
        return self.ends()

    def close(self) -> None:
        os.close(self.fd)
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _read(self, seconds: float) -> bool:
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            raw = os.read(self.fd, 1 << 16)
        except OSError:  # so Linux ends a terminal whose last user is gone
            return False
        text = self._decoder.decode(raw)
        self.output += text
        self.raw += text
        return bool(raw)
