"""The places of a document where a value might stand, each told by what surrounds it.

Knows nothing of records. What tells a place is a row of hashes of words, shapes of words and positions.
"""

from __future__ import annotations

import bisect
import re
import zlib
from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from boardwright.schemas.found import spelled, spelled_whole
from boardwright.schemas.shape import TextShape

Hashes = npt.NDArray[np.uint32]

_WORD = re.compile(r"[^\s=|:]+")
_OPENING, _CLOSING = "\"'([{<„“«#*", "\"'.,;:)]}>“”»*!?"
_LETTERS, _DIGITS = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")
_SENTENCE = re.compile(r"[.!?]\s|\n")
MAX_PLACES = 160
MAX_WORDS = 24
# Lines that a copy may go on over where its white space does not count: an address has up to five.
MAX_LINES = 6
# Words before the latest value among which the next one is looked for; there are MAX_PLACES in all.
BACK = 40


def hashed(features: Sequence[str]) -> list[int]:
    return [zlib.crc32(feature.encode("utf-8", "surrogatepass")) for feature in features]


@lru_cache(4096)
def _pattern(word: str) -> str:
    """The word's shape: "INV-2024" → "A-9", with the number of digits where it is short."""
    shape = _LETTERS.sub(lambda m: "A" if m[0].isupper() else "a" if m[0].islower() else "Aa", word)
    return _DIGITS.sub(lambda m: f"9{min(len(m[0]), 6)}", shape)[:16]


def _lowered(words: Sequence[str]) -> str:
    return _DIGITS.sub("0", " ".join(words)).lower()


class Page:
    """A document, with the features of its places, which all fields share."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines: list[tuple[int, int]] = []
        at = 0
        for line in text.split("\n"):
            self._lines.append((at, at + len(line)))
            at += len(line) + 1
        self._known: dict[int, list[int]] = {}

    def line(self, at: int) -> int:
        return bisect.bisect_right(self._lines, at, key=lambda line: line[0]) - 1

    def end_of_line(self, at: int) -> int:
        return self._lines[self.line(at)][1]

    @cached_property
    def _starts(self) -> list[int]:
        """Where words begin, opening punctuation aside."""
        starts = []
        for match in _WORD.finditer(self.text):
            starts.append(match.start())
            bare = match[0].lstrip(_OPENING)
            if bare and len(bare) < len(match[0]):
                starts.append(match.end() - len(bare))
        return starts

    def words(self, after: int = 0) -> list[int]:
        """Where words begin, opening punctuation aside: MAX_PLACES at most, from a little before a place on."""
        first = max(0, bisect.bisect_left(self._starts, after) - BACK)
        return self._starts[first : first + MAX_PLACES]

    def distances(self, places: Sequence[int], end: int) -> Hashes:
        """Three features of each place: how far it is from another one, in words and in sentences, and what stands
        between."""
        word, sentence = bisect.bisect_left(self._starts, end), bisect.bisect_left(self._sentences, end)
        rows = []
        for at in places:
            words = min(max(bisect.bisect_left(self._starts, at) - word, -6), 12)
            sentences = min(max(bisect.bisect_left(self._sentences, at) - sentence, -2), 3)
            between = _lowered(_WORD.findall(self.text[end:at])) if 0 <= words < 5 else ""
            rows.append(hashed([f"o{words}", f"s{sentences}{words > 0}", f"b{between}"]))
        return np.array(rows, np.uint32)

    @cached_property
    def _sentences(self) -> list[int]:
        return [match.start() + 1 for match in _SENTENCE.finditer(self.text)]

    def around(self, span: tuple[int, int]) -> list[str]:
        """What tells a piece of the text: its words and their shapes, and a few words on either side."""
        start, end = span
        inside = _WORD.findall(self.text[start:end])[:6]
        return [
            *(f"<{word}" for word in _lowered(_WORD.findall(self.text[max(0, start - 60) : start])[-5:]).split()),
            *(f">{word}" for word in _lowered(_WORD.findall(self.text[end : end + 60])[:5]).split()),
            *(f"={_lowered([word])}" for word in inside),
            f"~{' '.join(map(_pattern, inside[:3]))}",
            f"#{len(inside)}",
        ]

    def copied(self, start: int, end: int, shape: TextShape) -> str:
        """What a text has that copies a piece of the document."""
        return spelled(self.text, start, end) if shape.printed else self.text[start:end]

    def letters(self, shape: TextShape) -> tuple[str, Sequence[int]]:
        """All that a text can copy, and where in the document each character of it stands, and its end."""
        return self._spelled if shape.printed else (self.text, range(len(self.text) + 1))

    @cached_property
    def _spelled(self) -> tuple[str, list[int]]:
        return spelled_whole(self.text)

    def end_of_copy(self, value: str, at: int, shape: TextShape) -> int | None:
        """Where the copy of a value ends that begins at a place; None where there is another one."""
        letters, places = self.letters(shape)
        first = bisect.bisect_left(places, at)
        return places[first + len(value)] if value and letters.startswith(value, first) else None

    def features(self, at: int) -> list[int]:
        """Hashes of what surrounds a place: always as many."""
        if at in self._known:
            return self._known[at]
        number = self.line(at)
        start, end = self._lines[number]
        left, right = self.text[start:at], self.text[at:end]
        before = _WORD.findall(left)
        above = ""
        if not before:
            above = next((self.text[a:b] for a, b in reversed(self._lines[:number]) if b > a), "")
            before = ["^", *_WORD.findall(above)]
        column = ""
        if "|" in left:
            a, b = self._lines[0]
            heads = self.text[a:b].split("|")
            cell = left.count("|")
            column = heads[cell].strip().lower() if number and cell < len(heads) else f"#{cell}"
        after = _WORD.findall(right[:40])
        first = after[0] if after else ""
        gap = re.sub(r"\s+", " ", left[len(left.rstrip(" \t=|:.#")) :])[-4:]
        label, labels, shape = _lowered(before[-1:]), _lowered(before[-2:]), _pattern(first)
        place = f"{min(number, 5)},{min(len(self._lines) - 1 - number, 3)},{not left.strip()}"
        self._known[at] = hashed(
            [
                f"1{label}",
                f"2{labels}",
                f"3{_lowered(before[-3:])}",
                f"g{gap}{bool(above)}",
                f"w{shape}",
                f"i{place}",
                f"v{first.lower()}",
                f"n{_pattern(after[1]) if len(after) > 1 else ''}",
                f"e{_lowered(_WORD.findall(self.text[max(at, end - 24) : end])[-1:])}",
                f"c{column}",
                f"x{label}{shape}",
                f"y{place}{shape}",
            ]
        )
        return self._known[at]

    def ends(self, at: int, shape: TextShape) -> list[tuple[int, list[int]]]:
        """Where a copy that begins at a place may end, with the features of each end.

        One that is learnt as printed may go on over lines: then what the next line begins with tells too."""
        first = self.line(at)
        stop = self._lines[min(first + MAX_LINES, len(self._lines)) - 1][1] if shape.printed else self._lines[first][1]
        found = []
        for count, match in enumerate(_WORD.finditer(self.text, at, stop)):
            if count == MAX_WORDS:
                break
            bare = match[0].rstrip(_CLOSING)
            line = self.line(match.start())
            ends = self._lines[line][1]
            for end in {match.start() + len(bare), match.end()} if bare else {match.end()}:
                following = self.text[end : end + 2]
                last = self.text[match.start() : end]
                features = [
                    f"f{_pattern(following) if end < ends else '$'}",
                    f"l{_lowered([last])}",
                    f"p{_pattern(last)}{following[:1]}",
                    f"k{min(count, 6)}",
                    f"j{_pattern(last)}{min(count, 2)}",
                    f"d{last[-1:] if not last[-1:].isalnum() else ''}{following[:1]}",
                ]
                if shape.printed:
                    features += self._turn(end, line, line - first)
                found.append((end, hashed(features)))
        return found

    def _turn(self, end: int, line: int, turns: int) -> list[str]:
        """Features of an end among lines: how many were begun before this one, and what the next one is."""
        if end < self._lines[line][1]:
            return [f"t{turns}", "u", "r", "m"]
        after = next((self.text[a:b] for a, b in self._lines[line + 1 :] if b > a), "")
        words = _WORD.findall(after)
        return [
            f"t{turns}$",
            f"u{_lowered(words[:1])}",
            f"r{' '.join(map(_pattern, words[:2]))}",
            f"m{_lowered(words[:1])}{turns}",
        ]
