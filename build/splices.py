"""Splices: the head of one document on the tail of another, for students that have few documents to learn from.

Knows nothing of training. Cut between two of their values and put together anew, a few hundred documents are more than
a student can learn by heart, and each value still stands among the lines that it was printed with (for images: Yun et
al. 2019, "CutMix").
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from boardwright.build.printed import places_of
from boardwright.schemas.errors import BadTask
from boardwright.schemas.examples import Example
from boardwright.schemas.shape import TextShape, bare
from boardwright.schemas.task import Task

TRIES = 20  # other documents, until one has a head that fits


class _Cut(NamedTuple):
    """Where a document can be cut, in characters: a line begins there.  before: the fields whose values stand above."""

    at: int
    before: frozenset[str]


def spliced(task: Task, examples: Sequence[Example], share: float, seed: int) -> Iterator[tuple[Example, str]]:
    """That share of the examples, each behind the head of another one where one fits, and of each its own text, which
    tells its neighbour. Always the same for the same seed. Raises BadTask where values need not be pieces of a text."""
    if not share:
        return
    _check(task)
    cuts = [list(_cuts(example)) for example in examples]
    for example, own in zip(examples, cuts, strict=True):
        rng = random.Random(f"{seed} {example.id}")
        if not own or rng.random() >= share:
            continue
        for _ in range(TRIES):
            tail, other = rng.choice(own), rng.randrange(len(examples))
            heads = [cut for cut in cuts[other] if cut.before == tail.before]
            if heads and examples[other] is not example:
                yield _spliced(examples[other], rng.choice(heads), example, tail), example.text
                break


def _check(task: Task) -> None:
    for name, field in task.shape.fields:
        if not isinstance(bare(field), TextShape):
            raise BadTask(
                "Documents can be spliced only where each value is a piece of its document.",
                where=f"field {name!r} of the task {task.name!r}",
                allowed="texts: Verbatim, or Text(printed=True)",
                next="leave splices out",
            )


def _spliced(head: Example, above: _Cut, tail: Example, below: _Cut) -> Example:
    text = head.text[: above.at] + tail.text[below.at :]
    return Example(f"{head.id}+{tail.id}", text, tail.record | {name: head.record[name] for name in above.before})


def _cuts(example: Example) -> Iterator[_Cut]:
    """Where each value stands on one side only, and some on either; nowhere if a value does not stand in the text."""
    places = {name: places_of(value, example.text) for name, value in example.record.items() if value is not None}
    if not all(places.values()):
        return
    at = example.text.find("\n") + 1
    while at:
        above = frozenset(name for name, found in places.items() if found[0][0] < at)
        below = frozenset(name for name, found in places.items() if found[-1][1] > at)
        if above and below and not above & below:
            yield _Cut(at, above)
        at = example.text.find("\n", at) + 1
