"""Sheet: a document as places where a value may stand, with hashed features of what surrounds each.

Knows nothing of weights or of which place is right. `device.drafts` has a smaller cousin of this that ships with the
bundle and has a millisecond for a record; here a label may be misread, stand above, or head a column.
"""

from __future__ import annotations

import bisect
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, islice
from typing import Any

import numpy as np
import numpy.typing as npt

from boardwright.schemas.compare import fold
from boardwright.schemas.found import dates_in, numbers_in
from boardwright.schemas.shape import DateShape, NumberShape, Shape, TextShape, bare

BITS = 18
# Features of a place at most, and places of a document at most.
WIDTH, MOST = 56, 400
_OF_VALUE = 7

_WORD = re.compile(r"[^\s=|:;]+")
_CELLS = re.compile(r" *[|;\t] *| {2,}")
_AMOUNT = re.compile(r"\d+(?:[.,']\d{3})*[.,]\d\d(?!\d)")
_OPENING = "\"'([{<„“«#*~_.-"
_AROUND = " :=.#*-_~\"'()<>"
# "RM", "EUR" or "No." in front of a value belong to it: the place of one is the place of the other.
_UNIT = re.compile(r"[^\W\d]{0,3}\W*")


@dataclass(frozen=True)
class Place:
    """at: the character it begins at.  value: as a record writes it, None where only the beginning is known."""

    at: int
    value: str | None
    features: tuple[str, ...]


@dataclass(frozen=True)
class Choices:
    """What a field may be: each place, then null, then a value that stands elsewhere or nowhere.

    slots: int32 of shape (places + 2, WIDTH), places in a table of weights; 0 is no feature."""

    sheet: Sheet
    places: list[Place]
    slots: npt.NDArray[np.int32]

    @property
    def null(self) -> int:
        return len(self.places)

    @property
    def elsewhere(self) -> int:
        return len(self.places) + 1

    def where(self, value: Any) -> npt.NDArray[np.bool_]:
        """Which of the choices this value is: of several that spell it, all."""
        said = np.zeros(len(self.places) + 2, bool)
        if value is None:
            said[self.null] = True
            return said
        folded = fold(value)
        for number, place in enumerate(self.places):
            said[number] = place.value == value if place.value else self.sheet.spells(folded, place.at)
        if not said.any() and folded:
            # A text that was put right has its first half in common with the place that it is from.
            half = folded[: max(4, len(folded) // 2)]
            said[: self.null] = [not place.value and self.sheet.spells(half, place.at) for place in self.places]
        said[self.elsewhere] = not said.any()
        return said

    def beside(self, said: npt.NDArray[np.bool_], value: str | None) -> npt.NDArray[np.bool_]:
        """The places that are no other than those: a unit in front, and the words of the value itself."""
        rights = [self.places[number].at for number in np.flatnonzero(said[: self.null])]
        text, size = self.sheet.text, len(value or "")
        near = np.zeros(len(said), bool)
        for number, place in enumerate(self.places):
            near[number] = any(
                0 < place.at - right < size
                or (0 < right - place.at < 8 and _UNIT.fullmatch(text, place.at, right) is not None)
                for right in rights
            )
        return near

    def show(self, number: int) -> str:
        if number >= self.null:
            return "null"
        place = self.places[number]
        return repr(place.value or self.sheet.text[place.at : place.at + 24].split("\n")[0])


class Sheet:
    """A document, with the features of its places, which all fields share."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = text.split("\n")
        self._starts = [0, *accumulate(len(line) + 1 for line in self._lines)][:-1]
        self._known: dict[int, tuple[str, list[int]]] = {}
        folds = [_fold_one(character) for character in text]
        self._folded = "".join(folds)
        self._offsets = [0, *accumulate(map(len, folds))]

    def spells(self, folded: str, at: int) -> bool:
        """Whether a place begins with this, case, punctuation and line breaks aside."""
        return folded != "" and self._folded.startswith(folded, self._offsets[at])

    @cached_property
    def words(self) -> list[int]:
        """Where words begin, opening punctuation aside."""
        starts = []
        for match in _WORD.finditer(self.text):
            if any(character.isalnum() for character in match[0]):
                starts.append(match.start())
                if left := len(match[0]) - len(match[0].lstrip(_OPENING)):
                    starts.append(match.start() + left)
        return starts

    def around(self, at: int) -> tuple[str, list[int]]:
        """The last word of a place's label, and hashes of what surrounds the place."""
        if at in self._known:
            return self._known[at]
        number = bisect.bisect_right(self._starts, at) - 1
        line, column = self._lines[number], at - self._starts[number]
        left, right = line[:column], line[column:]
        above = [other for other in reversed(self._lines[max(0, number - 6) : number]) if other]
        kind, label = _label(line, left, above)
        words = re.findall(r"[^\W_]+", label)
        last = words[-1] if words else ""
        after = re.findall(r"\S+", right[:60])
        first = after[0] if after else ""
        section = next((_plain(other) for other in above if other.rstrip().endswith(":")), "")
        place = f"{min(number, 5)},{min(len(self._lines) - 1 - number, 3)},{not left.strip()}"
        spelled = f"^{'_'.join(words)}$"
        features = [
            f"label {kind} {label}",
            f"last {kind} {last}",
            f"first {kind} {words[0] if words else ''}",
            f"two {kind} {' '.join(words[-2:])}",
            f"gap {kind} {re.sub(' +', ' ', left)[-3:]}",
            f"section {kind == 'left'} {section[-16:]}",
            f"above {not left.strip()} {_plain(above[0])[-20:] if above else '^'}",
            f"shape {_pattern(first)}",
            f"word {_lowered(first)}",
            f"place {place}",
            f"place {place} {_pattern(first)}",
            f"both {last} {_pattern(first)}",
            f"next {_pattern(after[1]) if len(after) > 1 else '$'}",
            f"end {_lowered(right[-24:]).split()[-1:]}",
            f"row {kind} {min(number, 8)}",
            f"rest {bool(left.strip())} {len(right) // 8}",
            *(f"word {kind} {word}" for word in words[-4:]),
            *(f"piece {spelled[i : i + 4]}" for i in range(max(0, len(spelled) - 4))),
        ]
        self._known[at] = last, _hashed(features[: WIDTH - _OF_VALUE])
        return self._known[at]

    def amount(self, at: int) -> list[str]:
        """Features of an amount beside the others of the document: a total is often the largest, and said twice."""
        value = next((self._amounts[at + skip] for skip in range(6) if at + skip in self._amounts), None)
        if value is None:
            return []
        rank, count = min(self._sizes.index(value), 3), min(self._counts[value], 3)
        last = self.around(at)[0]
        found = [f"rank {rank}", f"times {count}", f"rank {rank} {count}"]
        return [*found, f"rank {rank} {last}", f"times {count} {last}"]

    def order(self, number: int, of: int, at: int) -> list[str]:
        """Features of a date among the others: an invoice is written before it is due."""
        return [f"date {number} {min(of, 3)}", f"date {number == 0} {self.around(at)[0]}"]

    @cached_property
    def _counts(self) -> Counter[int]:
        return Counter(self._amounts.values())

    @cached_property
    def _sizes(self) -> list[int]:
        return sorted(self._counts, reverse=True)

    @cached_property
    def _amounts(self) -> dict[int, int]:
        return {match.start(): int(re.sub(r"\D", "", match[0])) for match in _AMOUNT.finditer(self.text)}


_fold_one = lru_cache(maxsize=None)(fold)


def has_places(shape: Shape) -> bool:
    """Closed sets, counts, lists and objects have no one place in a document."""
    return isinstance(bare(shape), TextShape | DateShape | NumberShape)


def choices(sheet: Sheet, field: int, shape: Shape) -> Choices | None:
    """What the field of this number may be; None for a shape that has no places."""
    if not has_places(shape):
        return None
    places = list(islice(_places(sheet, bare(shape)), MOST))
    hashes = np.zeros((len(places) + 2, WIDTH), np.uint32)
    for row, place in zip(hashes, places, strict=False):
        own = [*sheet.around(place.at)[1], *_hashed(place.features)]
        row[: len(own)] = own
    hashes[-2:, 0] = _hashed(("null", "elsewhere"))
    # The same features mean something else for each field.
    salt = np.uint32(zlib.crc32(f"field {field}".encode()) | 1)
    slots = ((hashes * salt) >> np.uint32(32 - BITS)).astype(np.int32)
    slots[hashes == 0] = 0
    return Choices(sheet, places, slots)


def _places(sheet: Sheet, shape: Shape) -> Iterator[Place]:
    match shape:
        case TextShape():
            yield from (Place(at, None, tuple(sheet.amount(at))) for at in sheet.words)
        case DateShape():
            found = list(dates_in(sheet.text))
            dates = sorted({one.value for one in found})
            for one in found:
                order = sheet.order(dates.index(one.value), len(dates), one.at)
                yield Place(one.at, one.value, (f"spelled {one.spelling}", *order))
        case NumberShape(places=places):
            for one in numbers_in(sheet.text, places):
                yield Place(one.at, one.value, (f"spelled {one.spelling}", *sheet.amount(one.at)))


def _label(line: str, left: str, above: Sequence[str]) -> tuple[str, str]:
    """What names a place, and from where: the head of its column, the words before, the cell before, the line above."""
    before = re.split(r"[;|\t]|\s{2,}", left)
    label, kind = _plain(before[-1]), "left"
    if not label:
        cells, cell = _CELLS.split(line.strip()), len(_CELLS.findall(left.lstrip()))
        for other in above if len(cells) > 1 else ():
            heads = _CELLS.split(other.strip())
            if len(heads) == len(cells) > cell and not re.search(r"\d", other):
                return "head", _plain(heads[cell])[-28:]
        label, kind = next((_plain(part) for part in reversed(before) if part.strip()), ""), "cell"
    if not label:
        label, kind = _plain(above[0]) if above else "^", "above"
    return kind, label[-28:]


def _plain(text: str) -> str:
    return _lowered(text).strip(_AROUND)


def _lowered(text: str) -> str:
    return re.sub(r"\d+", "0", text).lower()


def _pattern(word: str) -> str:
    """The word's shape: "INV-2024" → "A-94"."""
    shape = re.sub(r"[^\W\d_]+", lambda m: "A" if m[0].isupper() else "a" if m[0].islower() else "Aa", word)
    return re.sub(r"\d+", lambda m: f"9{min(len(m[0]), 6)}", shape)[:14]


def _hashed(features: Sequence[str]) -> list[int]:
    return [zlib.crc32(feature.encode("utf-8", "surrogatepass")) for feature in features]
