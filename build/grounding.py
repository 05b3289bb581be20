"""Free text against its document: numbers, dates and quoted names that the document does not hold are invented.

Knows nothing of meaning: other words may be the writer's own. `schemas.found` judges copied and grounded fields.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from boardwright.schemas.compare import fold
from boardwright.schemas.found import Reading, dates_in, numbers_in
from boardwright.schemas.shape import ListShape, NullableShape, ObjectShape, Shape, TextShape

_NUMBER = re.compile(r"\d+(?:[.,'’]\d{1,3}(?!\d)|[/:\-]\d+)*")
_QUOTED = re.compile(r"[\"“”„«»]([^\"“”„«»]{2,60})[\"“”„«»]")
# The longest spelling of a date: "15. September 2024" and some.
_DATE_CHARS = 24


def invented(shape: Shape, value: Any, text: str, path: str = "") -> Iterator[tuple[str, str]]:
    """Each number, date or quoted name of a free text (in JSON form) that the document lacks: (field path, words)."""
    match shape:
        case NullableShape():
            if value is not None:
                yield from invented(shape.inner, value, text, path)
        case ObjectShape():
            for name, inner in shape.fields:
                yield from invented(inner, value[name], text, f"{path}.{name}" if path else name)
        case ListShape():
            for number, item in enumerate(value):
                yield from invented(shape.item, item, text, f"{path}[{number}]")
        case TextShape(verbatim=False):
            yield from ((path, words) for words in _lacking(value, text))


def _lacking(value: str, text: str) -> Iterator[str]:
    founded = []
    dates: dict[int, list[Reading]] = defaultdict(list)
    for one in dates_in(value):
        dates[one.at].append(one)
    for at, readings in dates.items():
        if any(one.value in _dates(text) for one in readings):
            founded.append((at, at + _DATE_CHARS))
        elif any(one.spelling.startswith("word") for one in readings):  # those in figures are numbers too
            yield value[at : at + _DATE_CHARS]
    for match in _NUMBER.finditer(value):
        if not any(start <= match.start() < end for start, end in founded) and not _stands(match[0], text):
            yield match[0]
    folded = fold(text)
    yield from (name for name in _QUOTED.findall(value) if fold(name) not in folded)


def _stands(number: str, text: str) -> bool:
    """As these digits, however they are set apart, or as the same number. One digit may be a word in the document."""
    digits = re.sub(r"\D", "", number)
    if len(number) == 1 or re.search(r"(?<!\d)" + r"[^\w\n]{0,2}".join(digits) + r"(?!\d)", text):
        return True
    return not re.search("[/:-]", number) and any(one.value in _numbers(text) for one in numbers_in(number, 2))


@lru_cache(maxsize=4)
def _dates(text: str) -> frozenset[str]:
    return frozenset(one.value for one in dates_in(text))


@lru_cache(maxsize=4)
def _numbers(text: str) -> frozenset[str]:
    return frozenset(one.value for one in numbers_in(text, 2))
