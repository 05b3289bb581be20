"""Label: documents with proposed records, one after the other, for a person to accept, correct or skip.

Knows nothing of where proposals come from. Whatever is decided is on disk before the next document is shown.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from rich.text import Text

from boardwright.build.entry import checked_record, choices, chosen, empty, prefill, read_field
from boardwright.build.gold_set import Decision, GoldSet, Proposal
from boardwright.build.label_screen import HELP, LINE_KEYS, View, choice_rows, screen, wrap
from boardwright.build.summary import percent, table
from boardwright.build.terminal import END
from boardwright.schemas.compare import wilson
from boardwright.schemas.errors import BadRecord, KitError
from boardwright.schemas.task import Task

SCROLL = {"more": 1, "back": -1, "down": 1, "up": -1}


class Redraw(Protocol):
    def __call__(self, *, keys: str | None = None) -> None: ...


class Screen(Protocol):
    """The part of a terminal that labelling needs; see `Terminal`."""

    @property
    def plain(self) -> bool: ...
    @property
    def size(self) -> tuple[int, int]: ...
    def show(self, rows: Sequence[Text]) -> None: ...
    def key(self, redraw: Callable[[], None]) -> str: ...
    def forget_keys(self) -> None: ...
    def line(self, prompt: str, prefill: str, words: Sequence[str] = ()) -> str | None: ...
    def edit(self, text: str) -> str | None: ...


@dataclass
class _Page:
    """The document on the screen.  versions: of its record, the last one shown, the others to go back to.

    draft: what the editor was left with and could not be read."""

    proposal: Proposal
    versions: list[dict[str, Any]]
    message: list[str] = field(default_factory=list)
    top: int = 0
    draft: str | None = None

    @property
    def record(self) -> dict[str, Any]:
        return self.versions[-1]

    def change(self, record: dict[str, Any]) -> None:
        if record != self.record:
            self.versions.append(record)


def label(task: Task, gold: GoldSet, waiting: Sequence[Proposal], terminal: Screen) -> None:
    """Show what waits until all is decided or the person quits. Raises KeyboardInterrupt on Ctrl-C; nothing is lost."""
    queue = deque(waiting)
    page: _Page | None = None
    while True:
        if page is None:
            terminal.forget_keys()
            page = _open(task, queue[0]) if queue else None
        redraw = partial(_show, task, gold, page, len(queue), terminal)
        redraw()
        key = terminal.key(redraw)
        if key in ("q", END) or (page is None and key != "u"):
            return
        if page is None or (key == "u" and len(page.versions) == 1):
            if last := gold.undo():
                page = _open(task, last.proposal, last)
                queue.appendleft(last.proposal)
            elif page is None:
                return
            else:
                page.message = ["There is nothing to take back."]
            continue
        page.message = []
        if key in ("a", "s"):
            if key == "s":
                gold.decide(page.proposal, None)
            elif not _accept(task, gold, page):
                continue
            queue.popleft()
            page = None
        elif key == "u":
            page.versions.pop()
        else:
            _work(task, page, key, terminal, redraw)


def summary_text(gold: GoldSet, left: int) -> str:
    """What was decided, and how good the proposals were, field by field, the worst first."""
    tally = gold.tally()
    kinds = ", ".join(f"{count} {kind}" for kind, count in tally.kinds.items() if count) or "nothing decided yet"
    lines = [f"{gold.path}: {kinds}" + (f"; {left} left, the same command goes on" if left else "")]
    judged = [(name, right, total) for name, (right, total) in tally.fields.items() if total]
    if judged:
        judged.sort(key=lambda one: one[1] / one[2])
        judged.append(("all fields", sum(right for _, right, _ in judged), sum(total for _, _, total in judged)))
        rows = [
            [name, f"{right} of {total}", percent(right / total), _interval(right, total)]
            for name, right, total in judged
        ]
        lines += ["The proposals, held to your decisions:", table(["field", "right", "", "95 %"], rows, right=(1, 2))]
    return "\n".join(lines)


def _interval(right: int, total: int) -> str:
    low, high = wilson(right, total)
    return f"{100 * low:.0f} to {100 * high:.0f} %"


def _open(task: Task, proposal: Proposal, last: Decision | None = None) -> _Page:
    """last: the decision on it that was taken back, whose corrections stand."""
    page = _Page(proposal, [proposal.record or empty(task.shape)], [proposal.note] if proposal.note else [])
    if last is not None and last.record is not None:
        page.change(last.record)
    return page


def _show(task: Task, gold: GoldSet, page: _Page | None, left: int, terminal: Screen, keys: str | None = None) -> None:
    decided = len(gold.decisions)
    if page is None:
        terminal.show([Text(f"All {decided} are decided. u takes the last decision back, any other key ends.")])
        return
    first = page.versions[0]
    view = View(
        head=f"{decided + 1} of {decided + left}   {page.proposal.id}",
        text=page.proposal.text,
        shape=task.shape,
        record=page.record,
        changed=frozenset(name for name in first if first[name] != page.record[name]),
        top=page.top,
        message=page.message,
        keys=keys,
    )
    rows, page.top = screen(view, *terminal.size, plain=terminal.plain)
    terminal.show(rows)


def _accept(task: Task, gold: GoldSet, page: _Page) -> bool:
    """Whether the record holds; why it does not is then on the page."""
    try:
        record = checked_record(task, page.record, page.proposal.text)
    except BadRecord as error:
        page.message = str(error).splitlines()
        return False
    gold.decide(page.proposal, record)
    return True


def _work(task: Task, page: _Page, key: str, terminal: Screen, redraw: Redraw) -> None:
    """All keys that decide nothing."""
    names = list(page.record)
    if key in SCROLL:
        page.top = max(0, page.top + SCROLL[key] * (1 if key in ("up", "down") else max(1, terminal.size[1] - 8)))
    elif key == "?":
        terminal.show(wrap(Text(HELP), terminal.size[0]))
        terminal.key(redraw)
    elif key == "e":
        _edit(task, page, terminal)
    elif key.isdecimal() and 1 <= int(key) <= len(names):
        _correct(task, page, names[int(key) - 1], terminal, redraw)
    elif key == "c":
        typed = terminal.line("Field, its number or name: ", "", names)
        if typed:
            try:
                _correct(task, page, chosen(names, typed.strip()), terminal, redraw)
            except BadRecord as error:
                page.message = str(error).splitlines()
    else:
        page.message = ["This key does nothing here; ? shows those that do."]


def _correct(task: Task, page: _Page, name: str, terminal: Screen, redraw: Redraw) -> None:
    """Ask for the value of a field until it is one, or the person gives up."""
    shape = dict(task.shape.fields)[name]
    typed: str | None = prefill(shape, page.record[name])
    why: list[str] = []
    while True:
        page.message = [*choice_rows(shape, terminal.size[0]), *why]
        redraw(keys=LINE_KEYS)
        page.message = []
        typed = terminal.line(f"{name}: ", typed or "", choices(shape))
        if typed is None:
            return
        try:
            page.change({**page.record, name: read_field(task, name, typed, page.proposal.text)})
            return
        except BadRecord as error:
            why = str(error).splitlines()


def _edit(task: Task, page: _Page, terminal: Screen) -> None:
    shown = json.dumps(page.record, ensure_ascii=False, indent=2)
    if not shown.replace("\n", "").isprintable():
        shown = json.dumps(page.record, indent=2)
    edited = None
    try:
        edited = terminal.edit(page.draft or f"{shown}\n")
        if edited is None:
            page.message = ["The editor saved nothing new: the record is as it was."]
            return
        record = json.loads(edited)
        if not isinstance(record, dict):
            raise BadRecord("This is JSON, but not an object.")
        page.change(checked_record(task, record, page.proposal.text))
        page.draft = None
    except (KitError, ValueError, RecursionError) as error:
        page.draft = edited
        page.message = [*str(error).splitlines(), *(["e goes on editing what you wrote."] if edited else [])]
