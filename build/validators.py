"""What a row must be to be learned from.

Knows nothing of teachers. This is the least of it: values that the text does not hold, and texts that come again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from boardwright.schemas.compare import fold
from boardwright.schemas.examples import Example
from boardwright.schemas.found import unfounded
from boardwright.schemas.task import Task


@dataclass(frozen=True)
class Rejection:
    """reason: "schema", "grounding", "required", "length", "language", "duplicate", "leak" or "balance".
    path: the field, or "".  detail: words for people."""

    reason: str
    path: str
    detail: str


@dataclass(frozen=True)
class Checks:
    """Bounds that a task may set."""


class Validators:
    """A row that passed is what later rows are compared with."""

    def __init__(self, task: Task, held_out: Sequence[Example] = (), options: Checks = Checks()) -> None:
        self._task = task
        self._held_out = {fold(one.text) for one in held_out}
        self._seen: set[str] = set()

    def check(self, example: Example) -> Rejection | None:
        if path := next(unfounded(self._task.shape, example.record, example.text), None):
            return Rejection("grounding", path, "the text does not hold this value")
        if fold(example.text) in self._held_out:
            return Rejection("leak", "", "the text stands in the held-out part")
        if fold(example.text) in self._seen:
            return Rejection("duplicate", "", "the text came before")
        self.admit(example)
        return None

    def admit(self, example: Example) -> None:
        """Take a row of an earlier run as passed."""
        self._seen.add(fold(example.text))
