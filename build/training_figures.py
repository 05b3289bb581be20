"""The figures of a training, as its stages leave them and the report reads them.

Knows nothing of how they are had, and loads nothing heavy: reading them trains no model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

# How far the score on learnt documents may be over the held-out one before it is told as overfitting; of few documents,
# as far as chance takes it: a standard error, fields of one document taken as one draw, which is on the safe side.
GAP = 0.05


@dataclass(frozen=True)
class Point:
    """Of the training's curve. loss: mean since the point before."""

    step: int
    loss: float
    learning_rate: float


@dataclass(frozen=True)
class Check:
    """What one look found. loss: mean over completion tokens, in nats.  missed: mean of the probability that was not
    given to the token that is right, 0 to 1.  exact: share of documents whose record would come out token for token.

    Of those written out, by the task's comparators: records, fields: share right, None where none was written.
    too_long: how many were longer than any gold record.  looping: how many said the same over and over."""

    step: int
    loss: float
    missed: float
    exact: float
    records: float | None
    fields: float | None
    too_long: int
    looping: int
    seconds: float

    def to_log(self) -> dict[str, float]:
        """As a trainer logs it: numbers, under the names that TensorBoard draws as evaluation."""
        return {f"eval_{name}": value for name, value in asdict(self).items() if name != "step" and value is not None}

    @classmethod
    def from_log(cls, logged: dict[str, Any]) -> Check | None:
        """A line of the trainer's log, or None where it tells of no check."""
        if "eval_exact" not in logged:
            return None
        names = set(cls.__dataclass_fields__) - {"step"}
        return cls(step=int(logged["step"]), **{name: logged.get(f"eval_{name}") for name in names})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Restart:
    """A return after a divergence. at: the step that showed it.  back_to: the step gone back to, 0 for the beginning.
    learning_rate: the peak from then on.  why: in words."""

    at: int
    back_to: int
    learning_rate: float
    why: str


@dataclass(frozen=True)
class Tuned:
    """What training says of itself. Losses are means over completion tokens, in nats; shares are in 0 to 1.

    steps: done, of `planned`.  chosen_step: whose adapter was kept, the one of the best check, which found
    held_out_loss, held_out_missed and held_out_exact.  stopped: why it ended early, or "".  seconds: with checks and
    returns.
    """

    seed: int
    learning_rate: float
    steps: int
    planned: int
    chosen_step: int
    stopped: str
    seconds: float
    tokens: int
    tokens_per_second: float
    final_loss: float
    held_out_loss: float
    held_out_missed: float
    held_out_exact: float
    checks: list[Check]
    restarts: list[Restart]
    curve: list[Point]


@dataclass(frozen=True)
class Score:
    """Shares right, of so many documents."""

    documents: int
    records: float
    fields: float


@dataclass(frozen=True)
class Value:
    """A value that comes out more often than it should. gold, got: how often it stands in the held-out records, and how
    often it came out."""

    field: str
    value: str
    gold: int
    got: int


@dataclass(frozen=True)
class Examined:
    """learnt, held_out: scores on documents of either part.  copied: share of held-out records that came out exactly as
    some training record has it.  copied_gold: share of which that is right to happen, since the gold ones do."""

    learnt: Score
    held_out: Score
    copied: float
    copied_gold: float
    over_represented: list[Value]

    @property
    def overfitted(self) -> bool:
        mean = (self.learnt.fields + self.held_out.fields) / 2
        chance = math.sqrt(mean * (1 - mean) * (1 / self.learnt.documents + 1 / self.held_out.documents))
        return self.learnt.fields - self.held_out.fields > max(GAP, chance)

    def lines(self) -> Iterator[str]:
        """For people."""
        yield (
            f"fields right: {100 * self.learnt.fields:.1f} % of {self.learnt.documents} learnt documents, "
            f"{100 * self.held_out.fields:.1f} % of {self.held_out.documents} held-out ones"
            + (": overfitted" if self.overfitted else "")
        )
        yield (
            f"held-out records that are some training record: {100 * self.copied:.1f} %, "
            f"and {100 * self.copied_gold:.1f} % should be"
        )
        for one in self.over_represented:
            yield f"over-represented: {one.field} = {one.value}, {one.got} times where {one.gold} are right"
