"""Witness: whether a value stands where its field's values stand, or where something else does.

Knows nothing of who wrote a row. A subtotal is in the document as surely as the total is: what tells them apart is the
label in front, the head of the column, the line above, the order of dates and the size of amounts. A log-linear model
learns that from rows (`build.sheet` has the features), gold rows say how far it is to be trusted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from boardwright.build.sheet import BITS, Choices, Sheet, choices, has_places
from boardwright.schemas.examples import Example
from boardwright.schemas.shape import ObjectShape

EPOCHS, RATE = 4, 0.3
# A review asks each fourth of the rows what the other three say of it.
FOLDS = 4
SHARPNESS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.25, 1.5, 2.0)
# Fewer rows teach too little to judge by; more than LEARN_MOST teach little more, and this takes seconds.
LEARN_LEAST, LEARN_MOST = 200, 2000
# So many gold rows are needed to say how far the model is right; without them, a part of the rows stands in.
GOLD_LEAST = 30
# Of gold rows, as many may be doubted at most: they are right, and documents differ. In nats of the odds of another
# value against the one given, never below LEAST_ODDS.
FALSE_ALARMS, LEAST_ODDS = 0.05, 0.5
# Whether a field is there at all is harder to tell than which of two places it stands at: a null needs to be plainly
# wrong, or plainly right in place of a value.
NULL_GIVEN, NULL_INSTEAD = 3.5, 2.5

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Doubt:
    """A field whose value is unlikely where it stands. odds: log of the odds of another value against it."""

    path: str
    detail: str
    odds: float


@dataclass(frozen=True)
class _Decision:
    """One field of one row: what it may be, and which of that the row says it is."""

    name: str
    value: str | None
    choices: Choices
    said: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Witness:
    """What was learned. sharpness: of each field's distribution.  threshold: odds from which a row is doubted."""

    shape: ObjectShape
    weights: Floats
    sharpness: dict[str, float]
    threshold: float

    @classmethod
    def learn(cls, shape: ObjectShape, rows: Sequence[Example], gold: Sequence[Example]) -> Witness | None:
        """Learn from rows that are mostly right; None where they are too few. Gold rows calibrate and teach nothing."""
        if len(rows) < LEARN_LEAST or not any(has_places(field) for _, field in shape.fields):
            return None
        rows = rows[-LEARN_MOST:]
        if len(gold) < GOLD_LEAST:
            gold, rows = rows[::5], [row for number, row in enumerate(rows) if number % 5]
        return cls._learn(shape, [_decisions(shape, row) for row in rows], [_decisions(shape, row) for row in gold])

    @classmethod
    def _learn(cls, shape: ObjectShape, rows: Sequence[list[_Decision]], gold: Sequence[list[_Decision]]) -> Witness:
        weights = _fit([one for row in rows for one in row])
        names = [name for name, _ in shape.fields]
        sharpness = {name: _sharpness(weights, [d for row in gold for d in row if d.name == name]) for name in names}
        judge = cls(shape, weights, sharpness, 0.0)
        odds = sorted((max(judge._odds(one)[0] for one in row) for row in gold), reverse=True)
        return cls(shape, weights, sharpness, max(LEAST_ODDS, odds[int(FALSE_ALARMS * len(odds))]))

    def doubt(self, example: Example) -> Doubt | None:
        """The field whose value is the least likely, where that is unlikely enough to turn the row away."""
        return self._doubt(_decisions(self.shape, example))

    def _doubt(self, decisions: list[_Decision]) -> Doubt | None:
        odds, other, one = max(((*self._odds(one), one) for one in decisions), key=lambda found: found[0])
        if odds <= self.threshold:
            return None
        said = "null" if one.value is None else repr(one.value)
        return Doubt(one.name, f"{said} where {other} is likelier ({np.exp(min(odds, 20.0)):,.0f} to 1)", odds)

    def _odds(self, one: _Decision) -> tuple[float, str]:
        """Log odds of the likeliest other value against the one given, and that value. Below zero: none is likelier."""
        found = one.choices
        if one.said[found.elsewhere]:
            return -np.inf, ""  # it stands nowhere that we look: no place speaks for it or against it
        scores = self.sharpness[one.name] * self.weights[found.slots].sum(1)
        likely = scores - np.logaddexp.reduce(scores)
        given = np.logaddexp.reduce(likely[one.said])
        others = np.where(one.said | found.beside(one.said, one.value), -np.inf, likely)
        others[found.elsewhere] = -np.inf
        others[found.null] -= NULL_INSTEAD
        best = int(others.argmax())
        return float(others[best] - given) - (NULL_GIVEN if one.value is None else 0.0), found.show(best)


def review(shape: ObjectShape, rows: Sequence[Example], gold: Sequence[Example]) -> list[Doubt | None]:
    """Doubt each row by what others teach, each of which may be wrong too: nothing for fewer than LEARN_LEAST."""
    doubts: list[Doubt | None] = [None] * len(rows)
    if len(rows) < LEARN_LEAST or not any(has_places(field) for _, field in shape.fields):
        return doubts
    judged = [_decisions(shape, row) for row in gold]
    several = math.ceil(len(rows) / LEARN_MOST)  # what decisions take in memory is bounded
    for first in range(several):
        numbers = range(first, len(rows), several)
        decided = {number: _decisions(shape, rows[number]) for number in numbers}
        for fold in range(FOLDS):
            asked = set(numbers[fold::FOLDS])
            others = [decisions for number, decisions in decided.items() if number not in asked]
            by = judged if len(gold) >= GOLD_LEAST else others[::5]
            witness = Witness._learn(shape, others, by)
            for number in asked:
                doubts[number] = witness._doubt(decided[number])
    return doubts


def _decisions(shape: ObjectShape, example: Example) -> list[_Decision]:
    sheet = Sheet(example.text)
    found = []
    for number, (name, inner) in enumerate(shape.fields):
        if one := choices(sheet, number, inner):
            value = example.record[name]
            found.append(_Decision(name, value, one, one.where(value)))
    return found


def _fit(decisions: Sequence[_Decision]) -> Floats:
    """Multinomial logistic regression by AdaGrad; where a value stands in several places, their sum is raised."""
    weights = np.zeros(1 << BITS, np.float32)
    squares = np.full(1 << BITS, 1e-2, np.float32)
    order = np.random.default_rng(0)
    for _ in range(EPOCHS):
        for index in order.permutation(len(decisions)):
            one = decisions[index]
            odds = _softmax(weights[one.choices.slots].sum(1))
            right = float(odds[one.said].sum())
            slope = (odds - np.where(one.said, odds / max(right, 1e-9), 0)).astype(np.float32)
            moved = np.abs(slope) > 1e-3
            flat = one.choices.slots[moved].ravel()
            gradient = np.repeat(slope[moved], one.choices.slots.shape[1])[flat > 0]
            flat = flat[flat > 0]  # 0 is no feature
            np.add.at(squares, flat, gradient**2)
            np.add.at(weights, flat, -RATE * gradient / np.sqrt(squares[flat]))
    return weights


def _sharpness(weights: Floats, decisions: Sequence[_Decision]) -> float:
    """The factor on a field's scores under which gold values are likeliest."""
    scores = [(weights[one.choices.slots].sum(1), one.said) for one in decisions]

    def loss(factor: float) -> float:
        return -sum(float(np.log(_softmax(factor * score)[said].sum() + 1e-9)) for score, said in scores)

    return min(SHARPNESS, key=loss)


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum(), np.float32)
