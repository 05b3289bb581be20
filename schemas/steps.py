"""Progress: every long action is a titled step, and whoever wants to watch subscribes.

    with step("Quantize to Q4_0") as s:
        s.progress(done, total)
        s.note("12 tensors fell back to Q5_0")

Knows nothing of terminals: reporters.py has those. Nobody watches until `use_reporter` says so.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["start", "progress", "note", "done", "failed", "reused"]


@dataclass(frozen=True)
class Event:
    """One thing that happened to a step. `seconds` count from the step's start.

    id: unique in this process.  parents: titles of the enclosing steps, outermost first.
    done, total: of a progress event; total is None when nobody knows it.
    rate: done a second since the first progress event; what a resumed step found done was not done now.
    text: the note, why it failed, or what was reused.
    """

    kind: Kind
    id: int
    step: str
    parents: tuple[str, ...]
    seconds: float
    done: float | None = None
    total: float | None = None
    text: str | None = None
    rate: float | None = None


class Reporter(Protocol):
    """Watches steps. Called under a lock, so never by two threads at once."""

    def report(self, event: Event) -> None: ...

    def close(self) -> None: ...


class Silent:
    """Reports nothing: the default for library use and tests."""

    def report(self, event: Event) -> None:
        pass

    def close(self) -> None:
        pass


class Step:
    """A running step, as `step(...)` hands it out."""

    def __init__(self, title: str, parent: Step | None = None) -> None:
        self.title = title
        self.parents: tuple[str, ...] = (*parent.parents, parent.title) if parent else ()
        self._id = next(_ids)
        self._started = time.monotonic()
        self._reused: str | None = None
        self._first: tuple[float, float] | None = None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def progress(self, done: float, total: float | None = None) -> None:
        began_at, began = self._first = self._first or (self.seconds, done)
        seconds = self.seconds - began_at
        rate = (done - began) / seconds if done > began and seconds > 0 else None
        self._emit("progress", done=done, total=total, rate=rate)

    def note(self, text: str) -> None:
        self._emit("note", text=text)

    def reused(self, text: str = "") -> None:
        """Finish as "reused": nothing was made, the result was there already."""
        self._reused = text

    def _emit(
        self,
        kind: Kind,
        *,
        done: float | None = None,
        total: float | None = None,
        text: str | None = None,
        rate: float | None = None,
    ) -> None:
        if self.title:  # none: current_step() outside any step, which nobody watches
            _send(Event(kind, self._id, self.title, self.parents, self.seconds, done, total, text, rate))

    def _finish(self) -> None:
        if self._reused is None:
            self._emit("done")
        else:
            self._emit("reused", text=self._reused or None)


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Run the body as a step. An exception is reported as "failed" and passes through."""
    running = Step(title, _running.get())
    token = _running.set(running)
    running._emit("start")
    try:
        yield running
    except BaseException as error:
        # One line: whoever catches the error shows the whole of it.
        running._emit("failed", text=(str(error).splitlines() or [""])[0] or type(error).__name__)
        raise
    else:
        running._finish()
    finally:
        _running.reset(token)


def current_step() -> Step:
    """The innermost step around the caller, for code that makes progress on behalf of a step opened elsewhere."""
    return _running.get() or Step("")


@contextmanager
def use_reporter(reporter: Reporter) -> Iterator[None]:
    """Let `reporter` watch every step of this process, worker threads included, until the block ends."""
    global _reporter
    with _lock:
        previous, _reporter = _reporter, reporter
    try:
        yield
    finally:
        with _lock:
            _reporter = previous
        reporter.close()


def _send(event: Event) -> None:
    global _reporter
    with _lock:
        try:
            _reporter.report(event)
        except (OSError, ValueError):
            # The terminal or pipe has gone (ValueError: the stream is closed): no reason to lose an hour's training.
            _reporter = Silent()


_ids = itertools.count(1)
# Re-entrant, because a reporter may print, and a captured print may open a step.
_lock = threading.RLock()
_reporter: Reporter = Silent()
# The reporter belongs to the process, the parent to the thread: a worker's steps start at the top.
_running: ContextVar[Step | None] = ContextVar("running_step", default=None)
