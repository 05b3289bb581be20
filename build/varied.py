"""Documents as they might have been: what a student that reads them several times sees after the first.

Knows nothing of training. A few hundred documents are learnt by heart sooner than understood: by the amount that stands
in one, a student recalls which label it had. So each reading has other amounts, the same ones in document and record,
and where many records share a word (of a chain's name, of a town's) some readings misprint it in the document alone, as
OCR does: what is known is to be mended, what is new is to be copied.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from boardwright.build.printed import place_of
from boardwright.schemas.compare import fold
from boardwright.schemas.examples import Example
from boardwright.schemas.shape import ObjectShape, TextShape, bare

# A word that so many records have in a field is known, and in this share of its readings one of a value is misprinted.
KNOWN, MISPRINTED = 8, 0.3
# Of fewer, another word is likelier than a misprint; so is another number, however many have it.
LETTERS = 3
_AMOUNT = re.compile(r"(?<![\w.,/-])(RM|[$€£])?(\d{1,3}(?:[.,]\d{3})+|\d{1,6})([.,])(\d\d)(?![\w/-]|[.,]\d)")
# What optical character recognition takes for one another.
_ALIKE = ("0O", "1IL", "5S", "8B", "2Z", "6G", "UV", "CG", "DO", "EF", "HN", "MN", "IT", "AR", "KX", "PR", "VY")


def varied(shape: ObjectShape, examples: Sequence[Example], readings: int, seed: int) -> list[list[Example]]:
    """The examples of each reading: as they are, then as they might have been, always the same for the same seed."""
    known = Counter(
        (name, word) for example in examples for name, value in _texts(shape, example) for word in set(_words(value))
    )
    often = {key for key, count in known.items() if count >= KNOWN}
    made = [list(examples)]
    for reading in range(1, readings):
        draw = [random.Random(f"{seed} {reading} {example.id}") for example in examples]
        made.append(
            [_misprinted(shape, _exchanged(one, rng), often, rng) for one, rng in zip(examples, draw, strict=True)]
        )
    return made


def _texts(shape: ObjectShape, example: Example) -> list[tuple[str, str]]:
    """The free texts of a record, by field."""
    fields = [name for name, inner in shape.fields if isinstance(bare(inner), TextShape)]
    return [(name, example.record[name]) for name in fields if isinstance(example.record[name], str)]


def _exchanged(example: Example, rng: random.Random) -> Example:
    """Other amounts of as many digits; one that stands in several places is the same in all."""
    others: dict[str, str] = {}

    def other(match: re.Match[str]) -> str:
        sign, whole, point, cents = match.groups()
        digits = re.sub(r"\D", "", whole + cents)
        if not int(digits):
            return match[0]
        if digits not in others:
            first = rng.choice("123456789") if digits[0] != "0" else "0"
            others[digits] = (
                first + "".join(rng.choice("0123456789") for _ in digits[1:-1]) + rng.choice("05" + digits[-1])
            )
        left = iter(others[digits])
        return (sign or "") + re.sub(r"\d", lambda _: next(left), f"{whole}{point}{cents}")

    text = _AMOUNT.sub(other, example.text)
    record: dict[str, Any] = {
        name: _AMOUNT.sub(other, value) if isinstance(value, str) else value for name, value in example.record.items()
    }
    exchanged = replace(example, text=text, record=record)
    stood, stand = (
        [name for name, value in one.record.items() if isinstance(value, str) and place_of(value, one.text)]
        for one in (example, exchanged)
    )
    return exchanged if stood == stand else example  # "43.7" on the label of 43.70 would no longer be right


def _misprinted(shape: ObjectShape, example: Example, often: set[tuple[str, str]], rng: random.Random) -> Example:
    """One letter of a known word in some of the values is not what it was, in the document."""
    text = example.text
    for name, value in _texts(shape, example):
        place = place_of(value, text)
        if place is None or rng.random() >= MISPRINTED:
            continue
        words = [match for match in re.finditer(r"\S+", text[slice(*place)]) if (name, fold(match[0])) in often]
        if words:
            word = rng.choice(words)
            at = rng.choice([at for at in range(*word.span()) if word.string[at].isalnum()]) + place[0]
            text = text[:at] + _misread(text[at], rng) + text[at + 1 :]
    return replace(example, text=text)


def _words(value: str) -> list[str]:
    return [word for word in map(fold, value.split()) if len(word) >= LETTERS and word.isalpha()]


def _misread(c: str, rng: random.Random) -> str:
    """Another character for it, mostly one that looks like it; or none; or it twice."""
    chance = rng.random()
    if chance < 0.15:
        return ""
    if chance < 0.3:
        return c * 2
    alike = [one for some in _ALIKE if c.upper() in some for one in some if one != c.upper()]
    one = rng.choice(alike or "ABCDEFGHIKLMNOPRSTUWY")
    return one if c.isupper() else one.lower()
