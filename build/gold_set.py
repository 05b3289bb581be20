"""The gold set: which documents a person decides on, and every decision, on disk as soon as it is made.

Knows nothing of terminals. The examples are in one file, for whoever reads examples; what was skipped is in another
beside it. A decision changes one of the two, whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from boardwright.build.near import near_duplicates
from boardwright.schemas.compare import COMPARATORS, fold
from boardwright.schemas.durable import replace_text
from boardwright.schemas.errors import BadExample, KitError
from boardwright.schemas.examples import read_examples, read_lines
from boardwright.schemas.task import Task

Kind = Literal["accepted", "corrected", "filled in", "skipped"]


@dataclass(frozen=True)
class Proposal:
    """A document to decide on.  record: JSON form, None where nothing is proposed, and why in `note`."""

    id: str
    text: str
    record: dict[str, Any] | None = None
    proposer: str = ""
    note: str = ""

    @property
    def key(self) -> str:
        """The same for the same text, whatever it is called, case and white space aside."""
        return hashlib.sha256(fold(self.text).encode()).hexdigest()


@dataclass(frozen=True)
class Decision:
    """One line of a file.  number: in the order of deciding, from 1; 0 for a line that was not written here, which is
    kept as it was `found`."""

    proposal: Proposal
    record: dict[str, Any] | None
    number: int
    found: dict[str, Any] | None = None

    @property
    def kind(self) -> Kind:
        if self.record is None:
            return "skipped"
        if self.proposal.record is None:
            return "filled in"
        return "accepted" if self.record == self.proposal.record else "corrected"

    def line(self) -> str:
        if self.found is not None:
            return json.dumps(self.found, ensure_ascii=False)
        one = self.proposal
        origin = {"way": "gold", "number": self.number, "proposer": one.proposer, "proposal": one.record}
        value = {"id": one.id, "text": one.text, "record": self.record, "origin": origin}
        return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Tally:
    """Decisions by kind, and of the proposals, field → (right, of how many) by the task's own comparators."""

    kinds: dict[Kind, int]
    fields: dict[str, tuple[int, int]]


class GoldSet:
    """The decisions in a gold file and in its neighbour of skipped documents. Raises BadExample for what is no such."""

    def __init__(self, path: Path, task: Task) -> None:
        self.path, self.task = path, task
        self.skipped_path = path.with_name(f"{path.stem}.skipped.jsonl")
        self._files = {place: _read(place, task) for place in (path, self.skipped_path)}
        self._bytes = {place: _bytes(place) for place in self._files}

    @property
    def decisions(self) -> list[Decision]:
        """In the order in which they were made, those of unknown order first."""
        return sorted((one for file in self._files.values() for one in file), key=lambda one: one.number)

    def waiting(self, pile: Sequence[Proposal], count: int) -> list[Proposal]:
        """What is left to decide of a pile, so that there are `count` decisions in all. Raises BadExample for an id
        that another document of the set has."""
        decided = [one.proposal for one in self.decisions]
        ids, keys = {one.id for one in decided}, {one.key for one in decided}
        left = [one for one in pile if one.key not in keys][: max(0, count - len(decided))]
        if twice := next((one for one in left if one.id in ids), None):
            raise BadExample(
                "Another document in the gold set has this id.",
                where=self.path,
                value=twice.id,
                next="give it another id, or write to another file with -o",
            )
        return left

    def decide(self, proposal: Proposal, record: dict[str, Any] | None) -> Decision:
        """Put a decision on disk.  record: None to skip the document. Raises KitError when the file was changed."""
        number = max((one.number for one in self.decisions), default=0) + 1
        made = Decision(proposal, record, number)
        place = self.skipped_path if record is None else self.path
        self._write(place, [*self._files[place], made])
        return made

    def undo(self) -> Decision | None:
        """Take the last decision back, also one of an earlier session; None where there is none."""
        last = max(self.decisions, key=lambda one: one.number, default=None)
        if last is None or not last.number:
            return None
        place = self.skipped_path if last.record is None else self.path
        self._write(place, [one for one in self._files[place] if one is not last])
        return last

    def tally(self) -> Tally:
        kinds: dict[Kind, int] = {"accepted": 0, "corrected": 0, "filled in": 0, "skipped": 0}
        fields = dict.fromkeys(self.task.all_comparators, (0, 0))
        for one in self.decisions:
            if not one.number:
                continue
            kinds[one.kind] += 1
            if one.record is None or one.proposal.record is None:
                continue
            for name, comparator in self.task.all_comparators.items():
                right, total = fields[name]
                hit = COMPARATORS[comparator](one.record.get(name), one.proposal.record.get(name))
                fields[name] = right + hit, total + 1
        return Tally(kinds, fields)

    def _write(self, place: Path, decisions: list[Decision]) -> None:
        if _bytes(place) != self._bytes[place]:
            raise KitError(
                "This file was changed by somebody else meanwhile; this decision was not written.",
                where=place,
                next="run the same command again: it goes on with what is in the file now",
            )
        text = "".join(f"{one.line()}\n" for one in decisions)
        replace_text(place, text)
        self._files[place], self._bytes[place] = decisions, text.encode()


def spread(pile: Sequence[Proposal], count: int, seed: int) -> list[Proposal]:
    """`count` documents from all over the pile, in its order: one of each of so many equal stretches.

    The draw is by a hash of the text and the seed, so the same pile gives the same documents. A document that is nearly
    one drawn before is passed over as long as there is another."""
    by_key: dict[str, Proposal] = {}
    for one in pile:
        by_key.setdefault(one.key, one)
    distinct = list(by_key.values())
    count = min(count, len(distinct))

    def draw(one: Proposal) -> str:
        return hashlib.sha256(f"{seed} {one.key}".encode()).hexdigest()

    drawn: list[Proposal] = []
    passed: list[Proposal] = []
    for part in range(count):
        stretch = sorted(distinct[part * len(distinct) // count : (part + 1) * len(distinct) // count], key=draw)
        texts = [one.text for one in drawn]
        fresh = next((one for one in stretch if not near_duplicates([one.text], texts)[0]), None)
        drawn += [fresh] if fresh else []
        passed += [one for one in stretch if one is not fresh]
    drawn += sorted(passed, key=draw)[: count - len(drawn)]
    places = {one.key: place for place, one in enumerate(distinct)}
    return sorted(drawn, key=lambda one: places[one.key])


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _read(path: Path, task: Task) -> list[Decision]:
    if not path.exists() or not path.read_bytes().strip():
        return []
    lines = [value for _, value in read_lines(path)]
    if path.name.endswith(".skipped.jsonl"):
        records: list[dict[str, Any] | None] = [None] * len(lines)
    else:
        records = [one.record for one in read_examples(path, task.record)]
    return [_decision(line, record, path) for line, record in zip(lines, records, strict=True)]


def _decision(line: dict[str, Any], record: dict[str, Any] | None, path: Path) -> Decision:
    match line:
        case {
            "id": str(id),
            "text": str(text),
            "origin": {
                "way": "gold",
                "number": int(number),
                "proposer": str(proposer),
                "proposal": dict() | None as proposal,
            },
        }:
            return Decision(Proposal(id, text, proposal, proposer), record, number)
        case {"id": str(id), "text": str(text)}:
            return Decision(Proposal(id, text), record, 0, line)
    raise BadExample("This line has no document.", where=path, value=line, next="delete it")
