"""Reporters of steps: plain lines, a live terminal, JSON lines.

Knows nothing of what the steps do. rich is imported only by the terminal reporter: boards have none.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Literal, TextIO

from boardwright.schemas.steps import Event, Reporter, Silent

if TYPE_CHECKING:
    from rich.progress import TaskID

Mode = Literal["auto", "plain", "rich", "json", "silent"]
PLAIN_EVERY_S = 5.0


def reporter_for(mode: Mode = "auto", stream: TextIO | None = None) -> Reporter:
    """The reporter for a command line; `stream` is stderr unless told otherwise.

    "auto" is rich on a terminal that has it, and plain lines anywhere else.
    """
    stream = stream or sys.stderr
    if mode == "auto":
        live = stream.isatty() and os.environ.get("TERM") != "dumb"
        try:
            return RichReporter(stream) if live else PlainReporter(stream)
        except ModuleNotFoundError:
            return PlainReporter(stream)
    if mode == "rich":
        return RichReporter(stream)
    if mode == "json":
        return JsonReporter(stream)
    return Silent() if mode == "silent" else PlainReporter(stream)


class PlainReporter:
    """A line an event, for logs and pipes. Progress of one step prints at most every `every` seconds."""

    def __init__(self, stream: TextIO, every: float = PLAIN_EVERY_S) -> None:
        self._stream = stream
        self._every = every
        self._last: dict[int, float] = {}

    def report(self, event: Event) -> None:
        if event.kind == "progress":
            if event.seconds - self._last.get(event.id, 0.0) < self._every:
                return
            self._last[event.id] = event.seconds
        elif event.kind in ("done", "failed", "reused"):
            self._last.pop(event.id, None)
        print("  " * len(event.parents) + _line(event), file=self._stream, flush=True)

    def close(self) -> None:
        pass


class JsonReporter:
    """One JSON object a line, for programs. Absent values are left out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def report(self, event: Event) -> None:
        seconds = round(event.seconds, 3)
        line = {"event": event.kind, "id": event.id, "step": event.step, "parents": event.parents, "seconds": seconds}
        extra = {"done": event.done, "total": event.total, "text": event.text}
        line |= {key: value for key, value in extra.items() if value is not None}
        print(json.dumps(line, ensure_ascii=False), file=self._stream, flush=True)

    def close(self) -> None:
        pass


class RichReporter:
    """A live bar for each running step; a line stays for each finished one."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            SpinnerColumn(),
            # Titles are ours or a user's file names: brackets in them are not markup.
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[amount]}", markup=False),
            TimeElapsedColumn(),
            console=Console(file=stream),
            transient=True,
        )
        self._tasks: dict[int, TaskID] = {}

    def report(self, event: Event) -> None:
        indent = "  " * len(event.parents)
        if event.kind == "start":
            self._progress.start()
            self._tasks[event.id] = self._progress.add_task(indent + event.step, total=None, amount="")
        elif event.kind == "progress" and event.id in self._tasks:
            amount = _amount(event)
            self._progress.update(self._tasks[event.id], completed=event.done, total=event.total, amount=amount)
        elif event.kind == "note":
            self._print(indent + _line(event), "dim")
        elif event.kind in ("done", "failed", "reused"):
            if event.id in self._tasks:
                self._progress.remove_task(self._tasks.pop(event.id))
            self._print(indent + _line(event), {"failed": "red", "reused": "cyan"}.get(event.kind, "green"))
            if not self._tasks:
                self._progress.stop()

    def close(self) -> None:
        self._progress.stop()

    def _print(self, line: str, style: str) -> None:
        self._progress.console.print(line, style=style, markup=False, highlight=False)


def duration(seconds: float) -> str:
    """Seconds as people say them: 0.31 s, 12.4 s, 3 min 05 s, 2 h 07 min."""
    if round(seconds, 1) < 60:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _line(event: Event) -> str:
    text = f": {event.text}" if event.text else ""
    match event.kind:
        case "start":
            return f"{event.step} …"
        case "progress":
            return f"{event.step}: {_amount(event)}"
        case "reused":
            return f"{event.step}: reused ({event.text})" if event.text else f"{event.step}: reused"
        case "note":
            return f"{event.step}{text}"
        case _:
            return f"{event.step}: {event.kind} in {duration(event.seconds)}" + (
                f" ({event.text})" if event.text else ""
            )


def _amount(event: Event) -> str:
    """As in: 120/400 (30%), 8.1/s, 34.6 s left. Rate and rest as far as they are known."""
    done, total = event.done or 0.0, event.total
    parts = [f"{done:g}/{total:g} ({done / total:.0%})" if total else f"{done:g}"]
    if rate := event.rate:
        parts.append(f"{rate:.3g}/s" if rate < 1000 else f"{rate:,.0f}/s")
        if total and done < total:
            parts.append(f"{duration((total - done) / rate)} left")
    return ", ".join(parts)
