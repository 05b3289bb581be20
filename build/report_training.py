"""The report's section on training: what `training.json` of a bundle tells, as the page shows it.

Knows nothing of HTML beyond the corners of a curve.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from boardwright.build.training_figures import Check, Examined, Score, Value
from boardwright.schemas.errors import BadBundle

# Of the drawing, in its own units; losses on a logarithmic scale.
WIDTH, HEIGHT = 600.0, 150.0
LEAST_LOSS = 1e-4


@dataclass(frozen=True)
class Curve:
    """Corners of the two lines, as SVG writes them, and the losses at the upper and the lower edge, in nats."""

    train: str
    held_out: str
    high: float
    low: float


@dataclass(frozen=True)
class Taught:
    """summary: steps, time, learning rate, in words.  notes: returns, early stop.  examined: through the harness."""

    summary: str
    notes: Sequence[str]
    curve: Curve
    checks: Sequence[Check]
    chosen_step: int
    examined: Examined


def taught(told: Mapping[str, Any]) -> Taught:
    """Read the part. Raises BadBundle for one that makes no sense."""
    try:
        return _read(told)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadBundle(
            f"What this bundle tells of its training can't be read: {error!r}.", where="training.json"
        ) from None


def _read(told: Mapping[str, Any]) -> Taught:
    examined = told["examined"]
    checks = [Check(**one) for one in told["checks"]]
    planned = "" if told["steps"] == told["planned"] else f" of {told['planned']:,}"
    return Taught(
        summary=(
            f"{told['steps']:,} steps{planned} in {told['seconds'] / 60:.1f} min, {told['tokens']:,} tokens, "
            f"{told['tokens_per_second']:,.0f} a second; learning rate {told['learning_rate']:g}, seed {told['seed']}"
        ),
        notes=[
            *(
                f"Diverged at step {one['at']} ({one['why']}): back to step {one['back_to']}, "
                f"with a learning rate of {one['learning_rate']:g}."
                for one in told["restarts"]
            ),
            *([f"Stopped early: {told['stopped']}."] if told["stopped"] else []),
        ],
        curve=_curve([(one["step"], one["loss"]) for one in told["curve"]], [(one.step, one.loss) for one in checks]),
        checks=checks,
        chosen_step=told["chosen_step"],
        examined=Examined(
            learnt=Score(**examined["learnt"]),
            held_out=Score(**examined["held_out"]),
            copied=float(examined["copied"]),
            copied_gold=float(examined["copied_gold"]),
            over_represented=[Value(**one) for one in examined["over_represented"]],
        ),
    )


def _curve(train: Sequence[tuple[int, float]], held_out: Sequence[tuple[int, float]]) -> Curve:
    points = [*train, *held_out]
    last = max(step for step, _ in points)
    losses = [max(loss, LEAST_LOSS) for _, loss in points]
    low, high = min(losses), max(losses)
    span = math.log(high / low) or 1.0

    def corners(line: Sequence[tuple[int, float]]) -> str:
        places = ((WIDTH * step / last, HEIGHT * math.log(high / max(loss, LEAST_LOSS)) / span) for step, loss in line)
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)

    return Curve(corners(train), corners(held_out), high, low)
