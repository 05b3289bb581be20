"""Synthetic gestures for the task: an endless, deterministic stream of documents with their records.

"train" and "valid" share the form of the lines. Real ones are in the form of weiserlab/TinyLLM: a hand over the
sensor takes light away and comes nearer, shortly (Tap), twice (Double) or for long (Hold); heights, noise and light
vary.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from boardwright.schemas.examples import Example, stream

PARTS = dict.fromkeys(("train", "valid"))  # they write alike
GESTURES = ("Tap", "Double", "Hold")
IDLE = 254


def generate(seed: int, part: str) -> Iterator[Example]:
    """Yield labelled series without end. part: "train" or "valid". Raises ValueError for any other part."""
    return stream("gesture", PARTS, _drawn, seed, part)


def _drawn(rng: random.Random, words: None) -> tuple[str, dict[str, Any]]:
    gesture = rng.choice(GESTURES)
    return _series(rng, gesture), {"gesture": gesture}


def _series(rng: random.Random, gesture: str) -> str:
    length = rng.choice((50, 51))
    near = _cover(rng, gesture, length)
    dark = [min(1.0, one * rng.uniform(1.0, 1.3)) for one in near]
    depth = rng.uniform(0.3, 1.0)
    light = rng.choice((rng.randint(20, 120), rng.randint(300, 1500)))
    rows = {"Proximity": [max(0, min(255, round(IDLE * (1 - depth * one)) + rng.randint(-2, 1))) for one in near]}
    for colour, share in (("Red", 1.0), ("Green", rng.uniform(0.8, 1.0)), ("Blue", rng.uniform(0.75, 1.0))):
        rows[colour] = [round(light * share * (1 - 0.95 * one) * rng.uniform(0.99, 1.0)) for one in dark]
    return "\n".join(f"{name}: {values}" for name, values in rows.items())


def _cover(rng: random.Random, gesture: str, length: int) -> list[float]:
    """How much of the sensor the hand covers, sample by sample, in 0 to 1."""
    start = rng.randint(8, 24)
    match gesture:
        case "Tap":
            spans = [(start, rng.randint(2, 7))]
        case "Double":
            first = rng.randint(1, 4)
            spans = [(start, first), (start + first + rng.randint(4, 8), rng.randint(1, 5))]
        case _:
            spans = [(rng.randint(6, 14), rng.randint(16, 28))]
    covered = [0.0] * length
    for begin, wide in spans:
        slope = rng.choice((1, 2, 2, 3))
        for at in range(length):
            away = max(begin - at, at - begin - wide + 1, 0)
            covered[at] = max(covered[at], 1 - away / (slope + 1))
    return covered
