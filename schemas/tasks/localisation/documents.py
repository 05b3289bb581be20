"""Synthetic sensor lines for the task: an endless, deterministic stream of documents with their records.

"train" and "valid" share the places, but no line. Real ones are in the form of weiserlab/TinyLLM: light tells the
places apart, weather does not.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from boardwright.schemas.examples import Example, stream

PARTS = dict.fromkeys(("train", "valid"))  # they write alike
# place → ranges of red and of clear light; green and blue go with red.
PLACES = {
    "Charging Station": ((7, 10), (140, 280)),
    "Entrance": ((90, 160), (170, 230)),
    "Server Rack": ((18, 40), (460, 520)),
}


def generate(seed: int, part: str) -> Iterator[Example]:
    """Yield labelled lines without end. part: "train" or "valid". Raises ValueError for any other part."""
    return stream("localisation", PARTS, _line, seed, part)


def _line(rng: random.Random, words: None) -> tuple[str, dict[str, Any]]:
    place = rng.choice(list(PLACES))
    (low, high), (dim, bright) = PLACES[place]
    red = rng.randint(low, high)
    light = (
        red,
        round(red * rng.uniform(0.65, 0.9)),
        round(red * rng.uniform(0.45, 0.75)),
        rng.randint(dim, bright),
    )
    air = (rng.uniform(1003, 1007), rng.uniform(47, 72), rng.uniform(23.5, 26.5), rng.uniform(51, 58))
    return ",".join([*(f"{value:.2f}" for value in air), *map(str, light)]), {"place": place}
