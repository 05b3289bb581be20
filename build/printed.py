"""Values as their documents print them: what comparing does not see, a student need not guess.

Knows nothing of where examples come from. Two people label one address in four ways, and each is right; a student that
learns from both has to guess which commas the third one would write. As printed, every value is a copy.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any

from boardwright.schemas.compare import fold
from boardwright.schemas.compare import text as same
from boardwright.schemas.examples import Example
from boardwright.schemas.found import spelled
from boardwright.schemas.shape import ObjectShape, printed_fields

_CLOSES = {")": "(", "]": "[", "}": "{"}


def as_printed(shape: ObjectShape, example: Example) -> Example:
    """The example with its `printed` values spelled as the document spells them, where it holds them and they fit."""
    record: dict[str, Any] = dict(example.record)
    for name, field in printed_fields(shape).items():
        value = record[name]
        found = printed(value, example.text) if isinstance(value, str) else None
        if found and len(found) <= field.max_chars:
            record[name] = found
    return replace(example, record=record)


def printed(value: str, text: str) -> str | None:
    """How a text spells a value, line breaks as spaces; None where it does not hold it, case, white space and
    punctuation aside."""
    place = place_of(value, text)
    return spelled(text, *place) if place else None


def place_of(value: str, text: str) -> tuple[int, int] | None:
    """Where a text holds a value, as of `places_of`: the value's own spelling counts most, then a place that begins and
    ends with whole words, then the first."""

    def unlike(place: tuple[int, int]) -> tuple[bool, int, tuple[int, int]]:
        torn = sum(at > 0 and text[at - 1 : at].isalnum() and text[at : at + 1].isalnum() for at in place)
        return spelled(text, *place) != value, torn, place

    return min(places_of(value, text), key=unlike, default=None)


def places_of(value: str, text: str) -> list[tuple[int, int]]:
    """Wherever a text holds a value, case, white space and punctuation aside: characters start to end, the first first.

    A currency sign before it belongs to it, and a bracket after it that closes one in it."""
    wanted = "".join(map(fold, value))
    if not wanted:
        return []
    folded = [fold(c) for c in text]
    places = [at for at, part in enumerate(folded) for _ in part]
    letters = "".join(folded)
    found = []
    start = letters.find(wanted)
    while start >= 0:
        place = _with_marks(text, places[start], places[start + len(wanted) - 1] + 1)
        if same(value, spelled(text, *place)):  # letter by letter alone, an accent may have gone to another one
            found.append(place)
        start = letters.find(wanted, start + 1)
    return found


def _with_marks(text: str, begin: int, end: int) -> tuple[int, int]:
    if begin and unicodedata.category(text[begin - 1]) == "Sc":
        begin -= 1
    after = text[end : end + 1]
    if after in _CLOSES and text.count(_CLOSES[after], begin, end) > text.count(after, begin, end):
        end += 1
    return begin, end
