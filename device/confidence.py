"""How sure a record is, field by field, and which fields a person should look at.

Knows nothing of how a record is decoded. The student's own probabilities are too sure of themselves once it is tuned,
so they are mapped to the shares that were right on the held-out part. Source: Platt scaling (Platt 1999).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from boardwright.schemas.records import spell, values_in


@dataclass(frozen=True)
class Calibration:
    """confidence of a field = 1 / (1 + exp(-(slope * log p + offset))), p: the student's probability of its value.

    threshold: a record with a field below it goes to a person.  curve: (threshold, share of held-out records that pass
    it, share of those with a wrong field), by rising threshold."""

    slope: float
    offset: float
    threshold: float
    curve: tuple[tuple[float, float, float], ...]

    def of(self, log_probability: float) -> float:
        return 1 / (1 + math.exp(min(700.0, -(self.slope * log_probability + self.offset))))

    def to_json(self) -> str:
        return spell(asdict(self)) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Calibration:
        """Raises ValueError, KeyError, TypeError for anything that `to_json` does not write."""
        told = json.loads(text)
        curve = tuple((float(a), float(b), float(c)) for a, b, c in told["curve"])
        return cls(float(told["slope"]), float(told["offset"]), float(told["threshold"]), curve)


def field_log_probabilities(
    output: str, pieces: Sequence[int], log_probabilities: Sequence[float], names: Sequence[str]
) -> dict[str, float]:
    """The student's log probability (nats) of each field's value: of all tokens that it chose for it.

    pieces: the length in bytes of each token of the output.  log_probabilities: of each, 0 where it was forced."""
    # Character positions to bytes, for outputs are mostly but not only ASCII.
    at = [0]
    for character in output:
        at.append(at[-1] + len(character.encode()))
    found = {}
    for name, start, end in values_in(output, names):
        first, last = at[start], at[end]
        place, total = 0, 0.0
        for size, chosen in zip(pieces, log_probabilities, strict=True):
            if place < last and place + size > first:
                total += chosen
            place += size
        found[name] = total
    return found


def doubtful(confidence: Mapping[str, float], threshold: float) -> list[str]:
    """The fields that a person should look at."""
    return [name for name, value in confidence.items() if value < threshold]


def in_percent(confidence: float) -> str:
    """For people: rounded down, and never 100 %, for no student is certain."""
    return f"{min(99, math.floor(100 * confidence))}%"
