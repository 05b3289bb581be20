"""Validators: whether a row is good enough to be trained on, and if not, the one reason why.

Knows nothing of who wrote the row. Rows come one by one; a row that passed is what later rows are compared with.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import ValidationError

from boardwright.build.grounding import invented
from boardwright.build.language import check_known, foreign
from boardwright.build.near import NearIndex, Shingles, shingles
from boardwright.build.walk import leaves
from boardwright.build.witness import Doubt, Witness, review
from boardwright.schemas.compare import fold
from boardwright.schemas.examples import Example
from boardwright.schemas.found import unfounded
from boardwright.schemas.records import spell
from boardwright.schemas.shape import BoolShape, ChoiceShape, NullableShape, Shape, TextShape, bare
from boardwright.schemas.task import Checks, Task

Reason = Literal["schema", "leak", "duplicate", "length", "language", "required", "grounding", "value", "balance"]

# Of a context of n tokens: no writing has more characters in that many tokens.
MOST_CHARS_A_TOKEN = 8
# Shares of fewer rows tell nothing.
BALANCE_FROM = 50
# A text field is one of copies once so many rows have been seen and so many of them hold copies; a value of which less
# than NOT_COPIED is in the document is then no copy with a misread letter.
COPIES_FROM, COPIES, NOT_COPIED = 50, 0.97, 0.25
# What a field's values look like around their places is learned again each time the rows have doubled.
LEARN_FROM, LEARN_UP_TO = 400, 2000


@dataclass(frozen=True)
class Rejection:
    """Why a row is not trained on. path: of the field, "" for the whole row.  detail: words for people."""

    reason: Reason
    path: str
    detail: str


class Validators:
    """held_out: what must not leak into training, and what `value` is calibrated on.  options: none for `task.checks`.

    learn: doubt values as soon as there are rows enough to learn from; else only `review` does, which has them all."""

    def __init__(
        self, task: Task, held_out: Sequence[Example] = (), options: Checks | None = None, *, learn: bool = True
    ) -> None:
        self.task = task
        self.checks = options if options is not None else task.checks
        check_known(self.checks.languages)
        self._held_out = list(held_out)
        self._held_out_index = NearIndex()
        for example in held_out:
            self._held_out_index.add(example.id, shingles(example.text))
        self._index = NearIndex()
        self._records: dict[str, str] = {}
        self._rows: list[Example] = []
        self._values: dict[str, Counter[str]] = defaultdict(Counter)
        self._copies: Counter[str] = Counter()
        self._texts: Counter[str] = Counter()
        self._witness: Witness | None = None
        self._learn_at = LEARN_FROM if learn else None

    def check(self, example: Example) -> Rejection | None:
        """None for a good row, which is then admitted; else the first reason to turn it away."""
        pieces = shingles(example.text)
        rejection = next(self._reasons(example, pieces), None)
        if rejection is None:
            self._admit(example, pieces)
        return rejection

    def admit(self, example: Example) -> None:
        """Take in a row that passed before, as after a restart: it is compared with nothing."""
        self._admit(example, shingles(example.text))

    def review(self) -> dict[str, Rejection]:
        """Admitted rows, by id, that look wrong in the light of all the others: the first ones had few to go by."""
        doubts = review(self.task.shape, self._rows, self._held_out)
        return {row.id: _doubted(doubt) for row, doubt in zip(self._rows, doubts, strict=True) if doubt}

    def _admit(self, example: Example, pieces: Shingles) -> None:
        self._index.add(example.id, pieces)
        self._records[example.id] = spell(example.record)
        self._rows.append(example)
        for path, value, shape in leaves(self.task.shape, example.record, into_lists=False):
            if isinstance(bare(shape), ChoiceShape | BoolShape) or isinstance(shape, NullableShape):
                self._values[path][spell(value)] += 1
            if isinstance(value, str) and isinstance(bare(shape), TextShape):
                self._texts[path] += 1
                self._copies[path] += _copied(value, example.text, pieces) > 0.5

    def _reasons(self, example: Example, pieces: Shingles) -> Iterator[Rejection]:
        yield from self._schema(example)
        yield from self._likeness(example, pieces)
        yield from self._text(example)
        yield from self._required(example)
        yield from self._grounding(example, pieces)
        yield from self._value(example)
        yield from self._balance(example)

    def _schema(self, example: Example) -> Iterator[Rejection]:
        try:
            canonical = self.task.record.model_validate(example.record).model_dump(mode="json")
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(map(str, first["loc"]))
            yield Rejection("schema", path, f"{first['msg']}, not {str(first.get('input'))[:80]!r}")
            return
        if spell(canonical) != spell(example.record):
            path = next((name for name, value in canonical.items() if example.record.get(name) != value), "")
            yield Rejection("schema", path, "not the canonical JSON form of the record")

    def _likeness(self, example: Example, pieces: Shingles) -> Iterator[Rejection]:
        for near in self._held_out_index.near(pieces):
            yield Rejection("leak", "", f"{near.similarity:.0%} the same as {near.name}, which is held out")
        record = spell(example.record)
        for near in self._index.near(pieces):
            # Two receipts of one shop may differ in the date alone: both are worth reading.
            if near.similarity == 1 or self._records[near.name] == record:
                yield Rejection("duplicate", "", f"{near.similarity:.0%} the same as {near.name}")

    def _text(self, example: Example) -> Iterator[Rejection]:
        least, most = self.checks.min_chars, self.checks.max_chars
        if not most and not self.task.limits.windows:
            most = MOST_CHARS_A_TOKEN * self.task.limits.context
        length = len(example.text)
        if length < least:
            yield Rejection("length", "", f"{length} characters, fewer than {least}")
        elif most and length > most:
            yield Rejection("length", "", f"{length:,} characters, more than {most:,}")
        if self.checks.languages and (found := foreign(example.text, self.checks.languages)):
            yield Rejection("language", "", f"{found}, not {' or '.join(self.checks.languages)}")

    def _required(self, example: Example) -> Iterator[Rejection]:
        for name in self.checks.required:
            if example.record[name] is None:
                yield Rejection("required", name, "null, and the task requires it")

    def _grounding(self, example: Example, pieces: Shingles) -> Iterator[Rejection]:
        shape, record, text = self.task.shape, example.record, example.text
        for path in unfounded(shape, record, text):
            yield Rejection("grounding", path, "the document does not hold this value")
        for path, words in invented(shape, record, text):
            if not self._is_rewritten(path):
                yield Rejection("grounding", path, f"the document does not hold {words!r}")
        for path, value, inner in leaves(shape, record, into_lists=False):
            if path in self.checks.in_text and isinstance(value, str) and fold(value) not in fold(text):
                yield Rejection("grounding", path, f"the document does not say {value!r}")
            is_text = isinstance(value, str) and isinstance(bare(inner), TextShape)
            if is_text and self._holds_copies(path) and _copied(value, text, pieces) < NOT_COPIED:
                yield Rejection("grounding", path, "not in the document, as this field's values are")

    def _is_rewritten(self, path: str) -> bool:
        return re.split(r"[.\[]", path, maxsplit=1)[0] in self.checks.rewritten

    def _holds_copies(self, path: str) -> bool:
        seen = self._texts[path]
        return not self._is_rewritten(path) and seen >= COPIES_FROM and self._copies[path] >= COPIES * seen

    def _value(self, example: Example) -> Iterator[Rejection]:
        # Here and not where rows are admitted: a run that goes on learns from all its rows at once.
        rows = len(self._rows)
        if self._learn_at is not None and rows >= self._learn_at:
            self._witness = Witness.learn(self.task.shape, self._rows, self._held_out)
            self._learn_at = 2 * rows if rows < LEARN_UP_TO else None
        if self._witness is not None and (doubt := self._witness.doubt(example)):
            yield _doubted(doubt)

    def _balance(self, example: Example) -> Iterator[Rejection]:
        rows = len(self._rows) + 1
        if rows <= BALANCE_FROM:
            return
        for path, value, shape in leaves(self.task.shape, example.record, into_lists=False):
            most = self.checks.most_null if value is None else largest_share(shape, self.checks)
            share = (self._values[path][spell(value)] + 1) / rows
            if most is not None and share > most:
                yield Rejection("balance", path, f"{spell(value)} in {share:.1%} of the rows, more than {most:.0%}")


def largest_share(shape: Shape, checks: Checks) -> float | None:
    """Of rows that may hold one and the same value in such a field; None where any share is fine."""
    inner = bare(shape)
    several = isinstance(inner, BoolShape) or (isinstance(inner, ChoiceShape) and len(inner.values) > 1)
    return checks.most_of_one if several else None


def _copied(value: str, text: str, pieces: Shingles) -> float:
    """The share of a value that stands in the document, misread letters aside."""
    if fold(value) in fold(text):
        return 1.0
    own = shingles(value)
    return float(np.isin(own, pieces, assume_unique=True).mean())


def _doubted(doubt: Doubt) -> Rejection:
    return Rejection("value", doubt.path, doubt.detail)
