"""Data: examples in, a training part and a held-out part out, with nothing that stands in both.

Knows nothing of students. What fails a validator is taken out of the training part, never out
of the held-out part.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from boardwright.build.data_report import FILE, DataReport, Turned, data_report
from boardwright.build.printed import as_printed
from boardwright.build.validators import Validators
from boardwright.schemas.compare import fold
from boardwright.schemas.errors import BadExample, BadTask
from boardwright.schemas.examples import Example, read_examples, read_lines, write_examples
from boardwright.schemas.found import unfounded
from boardwright.schemas.task import DocumentSource, Task

HELD_OUT_SHARE = 0.1
HELD_OUT_MOST = 300
HELD_OUT_LEAST = 10
# Of held-out rows that contradict their task: a few are slips, more say that the task is not what was labelled.
MOST_CONTRADICTIONS = 0.1


def prepare(
    task: Task, examples: Path | None, valid: Path | None, counts: tuple[int, int], seed: int, folder: Path
) -> DataReport:
    """Write train.jsonl, valid.jsonl and data_report.json into `folder`.

    examples: labelled lines; without, the task's documents.py draws counts = (train, valid) documents from the seed.
    valid: the held-out part; without, a tenth of the examples, chosen by their text and so the same on every run.
    Rows that fail the validators are left out and counted. A guess alone (a value that looks out of place, a share that
    is too large) leaves out what a teacher wrote, and is only told of what a person labelled.
    """
    taught: set[str] = set()
    if examples is not None:
        read = read_examples(examples, task.record)
        held_out = read_examples(valid, task.record) if valid is not None else []
        taught = {row["id"] for _, row in read_lines(examples) if "origin" in row}
    elif valid is not None:
        raise BadTask("--valid needs --examples.", next="give both files, or neither to draw synthetic documents")
    else:
        generate = document_source(task)
        read = list(itertools.islice(generate(seed, "train"), counts[0]))
        held_out = list(itertools.islice(generate(seed, "valid"), counts[1]))
    learn, rejected = _distinct(read)
    spare = 0
    if not held_out:
        distinct = len(learn)
        learn, held_out = _split(learn, examples)
        spare = distinct - len(learn) - len(held_out)
    doubted = _contradictions(task, held_out, valid or examples)
    validators = Validators(task, held_out, learn=False)
    kept = []
    for example in learn:
        if rejection := validators.check(example):
            turned = Turned.of(example, rejection)
            if rejection.reason != "balance" or example.id in taught:
                rejected.append(turned)
                continue
            validators.admit(example)
            doubted.append(turned)
        kept.append(example)
    # What documents.py draws is right by construction.
    for name, rejection in validators.review().items() if examples is not None else ():
        turned = Turned(name, rejection.reason, rejection.path, rejection.detail)
        (rejected if name in taught else doubted).append(turned)
    away = {one.id for one in rejected}
    left = [example for example in kept if example.id not in away]
    if not left:
        raise _nothing_left(rejected, examples)
    train, held_out = ([as_printed(task.shape, example) for example in part] for part in (left, held_out))
    report = data_report(
        task,
        len(read),
        train,
        rejected,
        doubted=doubted,
        held_out=len(held_out),
        spare=spare,
        respelled=sum(one.record != as_labelled.record for one, as_labelled in zip(train, left, strict=True)),
    )
    write_examples(folder / "train.jsonl", train)
    write_examples(folder / "valid.jsonl", held_out)
    report.write(folder / FILE)
    return report


def _distinct(examples: Sequence[Example]) -> tuple[list[Example], list[Turned]]:
    """The first example of each text, case and punctuation aside, and the others."""
    first: dict[str, Example] = {}
    again = []
    for example in examples:
        known = first.setdefault(fold(example.text), example)
        if known is not example:
            again.append(Turned(example.id, "duplicate", "", f"the same text as {known.id}"))
    return list(first.values()), again


def _contradictions(task: Task, held_out: Sequence[Example], where: Path | None) -> list[Turned]:
    """Held-out records that no student could give, because the task rules them out. Raises BadExample when they are
    too many to be slips of the pen."""
    found = []
    for example in held_out:
        nulls = [name for name in task.checks.required if example.record[name] is None]
        found += [(example, name, "the task requires a value") for name in nulls]
        found += [
            (example, path, "the document does not hold it, as the field's type says it does")
            for path in unfounded(task.shape, example.record, example.text)
        ]
    if len({example.id for example, _, _ in found}) > MOST_CONTRADICTIONS * len(held_out):
        example, path, why = found[0]
        raise BadExample(
            f"The held-out records contradict the task in {len(found)} values. The first: {why}.",
            where=f"{where}:{_line_of(where, example.id)} record.{path}" if where else f"{example.id} record.{path}",
            value=_at(example.record, path),
            allowed="a copy of the document for Verbatim, a date or number of it for Grounded, no null where required",
            next="correct the records, or give the field a type that need not stand in the document",
        )
    return [Turned(example.id, "grounding", path, f"held out: {why}") for example, path, why in found]


def _line_of(path: Path, name: str) -> int:
    return next(number for number, row in read_lines(path) if row["id"] == name)


def _at(record: Any, path: str) -> Any:
    """The value at a path such as items[2].price."""
    for part in re.findall(r"[^.\[\]]+", path):
        record = record[int(part)] if isinstance(record, list) else record[part]
    return record


def _nothing_left(rejected: Sequence[Turned], where: Path | None) -> BadExample:
    counts = Counter(one.reason for one in rejected)
    first = rejected[0]
    return BadExample(
        "No training example is left: every one was turned away.",
        where=where,
        value=", ".join(f"{count} {reason}" for reason, count in counts.most_common()),
        allowed="rows that pass the validators",
        next=f"see example {first.id}: {first.path + ': ' if first.path else ''}{first.detail}",
    )


def document_source(task: Task) -> DocumentSource:
    """The task's own source of synthetic documents. Raises BadTask where it has none."""
    generate = task.documents()
    if generate is None:
        raise BadTask(
            "This task has no synthetic documents to learn from.",
            where=task.folder,
            next="pass --examples FILE.jsonl, or write a documents.py with generate(seed, part)",
        )
    return generate


def _split(examples: list[Example], where: Path | None) -> tuple[list[Example], list[Example]]:
    """Hold out a tenth, by a hash of the text alone: adding documents later moves none from one part to the other.

    Of very many, what is over HELD_OUT_MOST goes into neither part, or later documents would push some into training.
    Of few (under about a hundred) the tenth is filled up to HELD_OUT_LEAST, which later documents can undo.
    """
    if len(examples) < 2 * HELD_OUT_LEAST:
        raise BadExample(
            "There are too few different examples to hold some out.",
            where=where,
            value=len(examples),
            allowed=f"at least {2 * HELD_OUT_LEAST}",
            next="add examples, or pass a held-out file with --valid",
        )
    ranked = sorted(examples, key=_draw)
    tenth = ranked[: max(HELD_OUT_LEAST, sum(_draw(example) < HELD_OUT_SHARE for example in examples))]
    held_out = {id(example) for example in tenth}
    return [e for e in examples if id(e) not in held_out], tenth[:HELD_OUT_MOST]


def _draw(example: Example) -> float:
    """In [0, 1), evenly, the same for the same text on every run."""
    return int.from_bytes(hashlib.sha256(fold(example.text).encode()).digest()[:6], "big") / 2**48
