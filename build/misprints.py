"""Misprints: documents whose neighbour knows better, for students that are to learn to trust it in that.

Knows nothing of training. Of real documents a few in a hundred have a name misread that their neighbour's record spells
right; too few to learn from. So a word that both the record and the neighbour's have is misprinted in the document, as
optical character recognition does, and the record stays: what a neighbour knows is mended, and what it does not know is
copied.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from boardwright.build.printed import place_of
from boardwright.schemas.compare import fold
from boardwright.schemas.errors import BadTask
from boardwright.schemas.examples import Example
from boardwright.schemas.shape import TextShape, bare
from boardwright.schemas.task import Task

# Of fewer letters, another word is likelier than a misprint; and another number always is.
LETTERS = 3
# Of misprints of long words, those that lose a part of it; the others are of a letter.
TORN = 0.15
# What optical character recognition takes for one another.
_ALIKE = ("0O", "1IL", "5S", "8B", "2Z", "6G", "UV", "CG", "DO", "EF", "HN", "MN", "IT", "AR", "KX", "PR", "VY")


def misprinted(task: Task, examples: Sequence[Example], share: float, seed: int) -> Iterator[tuple[Example, str]]:
    """Copies of that share of the examples that have a word to misprint, and of each the text as it was, which tells
    its neighbour. Always the same for the same seed. Raises BadTask where no neighbour is ever shown."""
    if share and not task.neighbour:
        raise BadTask(
            "A misprint can be mended only by what a neighbour's record has.",
            where=f"the task {task.name!r}",
            value=f"misprints={share}",
            allowed="0, or a task with neighbour=True",
            next="leave misprints out, or set neighbour=True in the task",
        )
    for example in examples:
        rng = random.Random(f"{seed} {example.id}")
        if rng.random() >= share:
            continue
        like = task.neighbours and task.neighbours.nearest(example.text)
        if not like:
            continue
        places = list(_places(task, example, json.loads(like)))
        if places:
            yield replace(example, text=_misprint(example.text, *rng.choice(places), rng)), example.text


def _places(task: Task, example: Example, like: dict[str, object]) -> Iterator[tuple[int, int]]:
    """Where in the document words of its values stand that the neighbour's have too."""
    for name, inner in task.shape.fields:
        value, other = example.record[name], like[name]
        field = bare(inner)
        if not (
            isinstance(field, TextShape) and not field.verbatim and isinstance(value, str) and isinstance(other, str)
        ):
            continue
        place = place_of(value, example.text)
        if place is None:
            continue
        known = set(map(fold, other.split()))
        for word in re.finditer(r"\S+", example.text[slice(*place)]):
            letters = fold(word[0])
            if len(letters) >= LETTERS and letters.isalpha() and letters in known:
                yield place[0] + word.start(), place[0] + word.end()


def _misprint(text: str, start: int, end: int, rng: random.Random) -> str:
    word = text[start:end]
    if len(word) > 2 * LETTERS and rng.random() < TORN:
        half = rng.randrange(LETTERS, len(word) - 1)
        return text[:start] + (word[half:] if rng.random() < 0.5 else word[:half]) + text[end:]
    at = start + rng.choice([at for at, c in enumerate(word) if c.isalnum()])
    return text[:at] + _misread(text[at], rng) + text[at + 1 :]


def _misread(c: str, rng: random.Random) -> str:
    """Another character for it, mostly one that looks like it; or none; or it twice."""
    chance = rng.random()
    if chance < 0.15:
        return ""
    if chance < 0.3:
        return c * 2
    alike = [one for some in _ALIKE if c.upper() in some for one in some if one != c.upper()]
    one = rng.choice(alike or "ABCDEFGHIKLMNOPRSTUWY")
    return one if c.isupper() else one.lower()
