"""A terminal by keys and lines: one key at a time, a line with a value already in it, a text in the user's editor.

Knows nothing of what is shown. Linux only: the terminal is switched through termios.
"""

from __future__ import annotations

import os
import readline
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import Self

import click
from rich.console import Console
from rich.text import Text

from boardwright.schemas.errors import KitError

END = "end"
NAMES = {
    "\x04": END,
    "\x1b[5~": "back",
    "\x1b[6~": "more",
    "\x1b[A": "up",
    "\x1b[B": "down",
    "b": "back",
    " ": "more",
    "k": "up",
    "j": "down",
}
ESCAPE_S = 0.05  # how long the rest of an arrow key may take over a slow line


class Terminal:
    """Standard input and output, both a terminal. Raises KitError where they are none.

    Within `with`, keys come one by one and are not shown, also those typed ahead of a line; Ctrl-C is still Ctrl-C."""

    def __init__(self) -> None:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise KitError(
                "This command shows documents and reads keys: it needs a terminal.",
                where="standard input" if not sys.stdin.isatty() else "standard output",
                next="run it by hand, without < and |",
            )
        self._fd = sys.stdin.fileno()
        # A locale that has no ö must not end the work.
        with suppress(AttributeError):
            sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
        self._console = Console(highlight=False, markup=False, emoji=False)
        readline.set_auto_history(False)
        self._before = termios.tcgetattr(self._fd)

    def __enter__(self) -> Self:
        self._switch()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(termios.error):  # the terminal has gone
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)

    def _switch(self) -> None:
        tty.setcbreak(self._fd, termios.TCSANOW)

    @property
    def plain(self) -> bool:
        """It shows no attributes, so what they would show must be written."""
        return self._console.color_system is None

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        columns, rows = shutil.get_terminal_size()
        return columns, rows

    def show(self, rows: Sequence[Text]) -> None:
        """A screen anew; on a terminal that can't be cleared, below the last one."""
        with self._console.capture() as screen:  # one write, so that it does not flicker over a slow line
            if self._console.is_dumb_terminal:
                self._console.print()
            else:
                self._console.clear()
            for row in rows:
                self._console.print(row, no_wrap=True, overflow="crop", width=self.size[0], soft_wrap=True)
        sys.stdout.write(screen.get())
        sys.stdout.flush()

    def say(self, text: str) -> None:
        self._console.print(Text(text))

    def key(self, redraw: Callable[[], None]) -> str:
        """The next key that is pressed from now on, by name or as itself.

        redraw: when the window has another size, or this process had been stopped.  Raises KeyboardInterrupt."""

        def again(_signal: int, _frame: FrameType | None) -> None:
            self._switch()  # a shell may have taken the terminal back
            redraw()

        before = {one: signal.signal(one, again) for one in (signal.SIGWINCH, signal.SIGCONT)}
        try:
            raw = self._read(64)
            if raw == b"\x1b" and select.select([self._fd], [], [], ESCAPE_S)[0]:
                raw += self._read(16)
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)
        typed = raw.decode("utf-8", "replace")
        # What came with the first key was typed before anyone saw what it would do.
        return NAMES.get(typed, "" if typed.startswith("\x1b") else NAMES.get(typed[:1], typed[:1])) or (
            "" if raw else END
        )

    def _read(self, most: int) -> bytes:
        try:
            return os.read(self._fd, most)
        except OSError:  # the terminal has gone
            return b""

    def forget_keys(self) -> None:
        """Drop what was typed ahead: nobody decides on a document that was not on the screen yet."""
        with suppress(termios.error):
            termios.tcflush(self._fd, termios.TCIFLUSH)

    def line(self, prompt: str, prefill: str, words: Sequence[str] = ()) -> str | None:
        """A line, edited from `prefill`; None when given up with Ctrl-C or Ctrl-D.  words: Tab completes them."""

        def complete(begun: str, number: int) -> str | None:
            fitting = [word for word in words if word.casefold().startswith(begun.casefold())]
            return fitting[number] if number < len(fitting) else None

        readline.set_startup_hook(lambda: readline.insert_text(prefill))
        readline.set_completer_delims("")
        readline.set_completer(complete)
        readline.parse_and_bind("tab: complete" if words else "tab: self-insert")
        # It shows what is typed only where the terminal would; lines stay off, so that nothing typed ahead is lost.
        shown = termios.tcgetattr(self._fd)
        shown[3] |= termios.ECHO
        termios.tcsetattr(self._fd, termios.TCSANOW, shown)
        try:
            return input(prompt)
        except (KeyboardInterrupt, EOFError):
            self.say("")
            return None
        finally:
            readline.set_startup_hook(None)
            self._switch()

    def edit(self, text: str) -> str | None:
        """A text from the user's editor ($VISUAL, $EDITOR); None when it was not saved. Raises KitError."""
        self.__exit__()
        try:
            return click.edit(text, extension=".json")
        except click.ClickException as error:
            raise KitError(error.message, next="set EDITOR to an editor that is installed here") from None
        finally:
            self._switch()
