"""Examine: signs that a student has learnt its examples by heart, or prefers some values to what documents say.

Knows nothing of how it was trained: it asks the merged checkpoint through the harness, and reads what that answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from boardwright.build.training_figures import Examined, Score, Value
from boardwright.build.walk import leaves
from boardwright.device.drafts import Model
from boardwright.device.harness import Harness
from boardwright.schemas.compare import score
from boardwright.schemas.errors import KitError
from boardwright.schemas.examples import Example
from boardwright.schemas.records import spell
from boardwright.schemas.shape import ObjectShape
from boardwright.schemas.steps import current_step
from boardwright.schemas.task import Task

# Of the documents that were learnt: enough to tell a score by a few points, in seconds.
LEARNT = 40
# A value is over-represented when it comes out at least so many times as often as in the gold records, and at least so
# many times more: under that, it is chance.
TIMES, MORE = 2.0, 3
NAMED = 10


def examine(
    task: Task,
    model: Path,
    drafts: Model,
    train: Sequence[Example],
    held_out: Sequence[Example],
    outputs: Sequence[dict[str, Any] | None],
) -> Examined:
    """model: the merged checkpoint as an artifact.  outputs: its records of the held-out documents, None for a failed
    one. Asks it for at most as many learnt documents as are held out."""
    count = min(LEARNT, len(train), len(held_out))
    sample = [train[at * len(train) // count] for at in range(count)]
    records = _ask(task, model, drafts, sample)
    golds = [example.record for example in held_out]
    known = {spell(example.record) for example in train}
    return Examined(
        learnt=_score(task, [example.record for example in sample], records),
        held_out=_score(task, golds, outputs),
        copied=_share(known, outputs),
        copied_gold=_share(known, golds),
        over_represented=over_represented(task.shape, golds, outputs),
    )


def over_represented(
    shape: ObjectShape, golds: Sequence[dict[str, Any]], outputs: Sequence[dict[str, Any] | None]
) -> list[Value]:
    """Values that come out far more often than the gold records have them, the most so first.

    Of lists, items count one by one, wherever they stand."""
    wanted, got = (
        Counter((path, spell(value)) for one in records if one is not None for path, value, _ in leaves(shape, one))
        for records in (golds, outputs)
    )
    over = [
        Value(field, value, wanted[field, value], count)
        for (field, value), count in got.items()
        if count >= TIMES * wanted[field, value] and count - wanted[field, value] >= MORE
    ]
    return sorted(over, key=lambda one: (one.gold - one.got, one.field, one.value))[:NAMED]


def _ask(task: Task, model: Path, drafts: Model, examples: Sequence[Example]) -> list[dict[str, Any] | None]:
    harness = Harness.load(task, model, drafts=drafts)
    records: list[dict[str, Any] | None] = []
    try:
        for outcome in harness.extract_many(example.text for example in examples):
            records.append(None if isinstance(outcome, KitError) else outcome.record.model_dump(mode="json"))
            current_step().progress(len(records), len(examples))
    finally:
        harness.close()
    return records


def _score(task: Task, golds: Sequence[dict[str, Any]], records: Sequence[dict[str, Any] | None]) -> Score:
    found = score(golds, records, task.all_comparators)
    return Score(found.documents, found.records_right, found.fields_right)


def _share(known: set[str], records: Sequence[dict[str, Any] | None]) -> float:
    return sum(record is not None and spell(record) in known for record in records) / len(records)
