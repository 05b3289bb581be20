"""Calibrate: what the student's probability of a field is worth, from the held-out records of the shipped artifact.

Knows nothing of how records are decoded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from boardwright.device.confidence import Calibration
from boardwright.schemas.examples import read_lines

# Of the records that nobody looks at, this share may have a wrong field.
WRONG = 0.02
# Of what redacts, this share of the held-out documents is withheld at the least, whatever leaks: what is less sure than
# nearly all of them is no kind of document that was held out.
UNSURE = 0.05
POINTS = 21
STEPS = 50


@dataclass(frozen=True)
class Held:
    """One held-out record. log_probabilities: of its fields, in nats.  wrong: names of the fields that were.  leaks: of
    what redacts, whether its text still held a value that it should not."""

    log_probabilities: dict[str, float]
    wrong: tuple[str, ...]
    leaks: bool | None = None

    @property
    def harmful(self) -> bool:
        """What takes out too much does no harm, what leaves something in does."""
        return bool(self.wrong) if self.leaks is None else self.leaks


def calibration_of(evaluation: Path) -> Calibration | None:
    """Of an artifact, from the folder of its evaluation; None where no held-out document has a record.

    Of what redacts, no leak may pass, and the least sure do not."""
    lines = [line for _, line in read_lines(evaluation / "records.jsonl")]
    held = [
        Held(line["log_probabilities"], tuple(line["wrong"]), bool(line["leaks"]) if "leaks" in line else None)
        for line in lines
        if "record" in line
    ]
    redacts = any(one.leaks is not None for one in held)
    return (calibrate(held, 0.0, 1 - UNSURE) if redacts else calibrate(held)) if held else None


def calibrate(held: Sequence[Held], wrong: float = WRONG, most: float = 1.0) -> Calibration:
    """Fit Platt's sigmoid over all fields, then the threshold that lets most records pass, but at the most the share
    `most`, of which at most the share `wrong` is harmful.

    Where no threshold does, the one above which the smallest share is. Targets are smoothed as in Platt (1999),
    so that a held-out part without a single error does not make everything certain."""
    points = [(value, name not in one.wrong) for one in held for name, value in one.log_probabilities.items()]
    slope, offset = _platt(points)
    bare = Calibration(slope, offset, 0.0, ())
    least = [(min(map(bare.of, one.log_probabilities.values()), default=0.0), one.harmful) for one in held]
    curve = _curve(least)
    fitting = [point for point in curve if point[1] <= most and point[2] <= wrong]
    # Of thresholds that let the same records pass the highest: one that is less sure than all these is no known case.
    threshold = max(fitting, key=lambda p: (p[1], p[0]))[0] if fitting else min(curve, key=lambda p: (p[2], -p[1]))[0]
    return Calibration(slope, offset, threshold, tuple(curve))


def _curve(least: Sequence[tuple[float, bool]]) -> list[tuple[float, float, float]]:
    """(threshold, share that passes, share of those that harms), at most POINTS of them, thresholds rising."""
    values = sorted({value for value, _ in least})
    chosen = sorted({values[round(i * (len(values) - 1) / (POINTS - 1))] for i in range(POINTS)})
    curve = []
    for threshold in [0.0, *chosen]:
        passed = [wrong for value, wrong in least if value >= threshold]
        curve.append((threshold, len(passed) / len(least), sum(passed) / len(passed)))
    return curve


def _platt(points: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    """Slope and offset by Newton's method on the log likelihood, with a weak pull towards slope 1."""
    good = sum(right for _, right in points)
    high, low = (good + 1) / (good + 2), 1 / (len(points) - good + 2)
    slope, offset = 1.0, 0.0
    for _ in range(STEPS):
        # Gradient and Hessian of the negative log likelihood plus (slope - 1)² / 2.
        ga, gb, haa, hab, hbb = slope - 1.0, 0.0, 1.0, 0.0, 1e-9
        for value, right in points:
            p = 1 / (1 + math.exp(min(700.0, -(slope * value + offset))))
            slack, curvature = p - (high if right else low), p * (1 - p)
            ga += slack * value
            gb += slack
            haa += curvature * value * value
            hab += curvature * value
            hbb += curvature
        determinant = haa * hbb - hab * hab
        da, db = (hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant
        # A full step from far away can overshoot.
        scale = min(1.0, 2.0 / max(abs(da), abs(db), 1e-12))
        slope, offset = slope - scale * da, offset - scale * db
        if max(abs(da), abs(db)) < 1e-9:
            break
    # Less likely must never count as surer.
    return max(0.0, slope), offset
