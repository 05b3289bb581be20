"""Learn to guess: the weights of `device.drafts`, from the examples that the student is trained on.

Knows nothing of students or engines. Held-out records then say how far each field's guesses are to be trusted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from boardwright.device.bundles import DRAFTS
from boardwright.device.drafts import BITS, END, Candidates, Model, candidates, slots, softmax, stand, text_of
from boardwright.device.places import Page
from boardwright.schemas.examples import Example
from boardwright.schemas.records import spell
from boardwright.schemas.shape import ObjectShape
from boardwright.schemas.spelling import Fork, Leaf, leaf_names, read_pieces

EPOCHS = 4
RATE = 0.3
# More examples, or choices of them, teach little more about where values stand; these take up to half a minute on two
# cores, and 200 MB.
MOST, MOST_CHOICES = 3000, 40_000
SHARPNESS = (0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)


@dataclass(frozen=True)
class _Row:
    """One decision: which of some candidates, given their places in the table. right: True for each that is."""

    slots: npt.NDArray[np.uint16]
    right: npt.NDArray[np.bool_]


def read_drafts(folder: Path) -> Model:
    """What a build has learned, from the folder that it was put into."""
    return Model.from_bytes((folder / DRAFTS).read_bytes())


def learn(shape: ObjectShape, train: Sequence[Example], held_out: Sequence[Example]) -> Model:
    """A table of weights and the sharpness of each leaf.

    Multinomial logistic regression over each value's candidates, by AdaGrad; where the value stands in several
    places, the sum of their probabilities is raised. Records are in the order of the shape, as `read_examples` has
    them; raises ValueError for others."""
    rows = list(islice((row for example in train[:MOST] for _, row in _rows(shape, example)), MOST_CHOICES))
    weights = np.zeros(1 << BITS, np.float32)
    squares = np.full(1 << BITS, 1e-2, np.float32)
    order = np.random.default_rng(0)
    for _ in range(EPOCHS):
        for index in order.permutation(len(rows)):
            row = rows[index]
            odds = softmax(weights[row.slots].sum(1))
            right = float(odds[row.right].sum())
            slope = odds - np.where(row.right, odds / max(right, 1e-9), 0.0).astype(np.float32)
            gradient = np.repeat(slope, row.slots.shape[1])
            flat = row.slots.ravel()
            np.add.at(squares, flat, gradient**2)
            np.add.at(weights, flat, -RATE * gradient / np.sqrt(squares[flat]))
    learned: dict[str, list[_Row]] = defaultdict(list)
    for example in held_out:
        for name, row in _rows(shape, example):
            if name:
                learned[name].append(row)
    sharpness = {name: _sharpness(weights, held) for name, held in learned.items()}
    return Model(weights, sharpness)


def _sharpness(weights: npt.NDArray[np.float32], rows: Iterable[_Row]) -> float:
    """The factor on a field's scores under which held-out values are likeliest."""
    scores = [(weights[row.slots].sum(1), row.right) for row in rows]

    def loss(factor: float) -> float:
        return -sum(float(np.log(softmax(factor * score)[right].sum() + 1e-9)) for score, right in scores)

    return min(SHARPNESS, key=loss)


def _rows(shape: ObjectShape, example: Example) -> Iterator[tuple[str, _Row]]:
    """Each value's decision, by its name, and under "" where a copied value ends."""
    page = Page(example.text)
    numbers = {name: number for number, name in enumerate(leaf_names(shape))}
    for leaf, value, last in _choices(shape, page, spell(example.record)):
        found = candidates(page, leaf, last)
        copied = json.loads(value) if found.begins and value not in ("null", END) else None
        copies = [page.end_of_copy(copied, at, text_of(leaf)) if copied else None for at in found.begins]
        right = _right(found, copies, value)
        if right.any():
            yield leaf.name, _Row(slots(numbers[leaf.name], "at", found.features), right)
        for at, end in zip(found.begins, copies, strict=True):
            if end is None:
                continue
            ends = page.ends(at, text_of(leaf))
            hit = np.array([one == end for one, _ in ends], np.bool_)
            if hit.any():
                hashes = np.array([features for _, features in ends], np.uint32)
                yield "", _Row(slots(numbers[leaf.name], "end", hashes), hit)


def _choices(shape: ObjectShape, page: Page, record: str) -> Iterator[tuple[Leaf, str, tuple[int, int]]]:
    """Each value of a record as it is spelled, and END where a list ends; and where the text before it stands."""
    last = (0, 0)
    for piece, spelling in read_pieces(shape, record):
        match piece:
            case Leaf():
                yield piece, spelling, last
                last = stand(page, piece, spelling, last)
            case Fork(_, first) if spelling and first:
                yield first, END, last


def _right(found: Candidates, copies: Sequence[int | None], value: str) -> npt.NDArray[np.bool_]:
    """Which candidates are this value; "something else" where none is."""
    right = [copy is not None for copy in copies]
    right += [one == value for one in found.texts[len(found.begins) :]]
    if not any(right) and found.texts[-1] is None:
        right[-1] = True
    return np.array(right, np.bool_)
