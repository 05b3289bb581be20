"""Guesses of a record from its document: what a drafter proposes and the student then confirms or not.

Knows nothing of grammars, engines or passes. A log-linear model over candidates: for each field of the record, every
place in the document where its value might stand is scored by hashed features of what surrounds it (label, column
head, shape of the value), and "null" and "something else" are candidates too. The weights are learned from the
examples that the student is trained on and ship with the bundle; a wrong guess costs a little time and changes nothing.
Source: maximum-entropy ranking with feature hashing (Weinberger et al. 2009).
"""

from __future__ import annotations

import bisect
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from boardwright.schemas.found import dates_in, numbers_in, printed_dates, spelled, spelled_whole
from boardwright.schemas.records import keys, spell, values_in
from boardwright.schemas.shape import (
    BoolShape,
    ChoiceShape,
    DateShape,
    IntShape,
    NullableShape,
    NumberShape,
    ObjectShape,
    Shape,
    TextShape,
    bare,
)

BITS = 16
Weights = npt.NDArray[np.float32]
Hashes = npt.NDArray[np.uint32]

_WORD = re.compile(r"[^\s=|:]+")
_OPENING, _CLOSING = "\"'([{<„“«#*", "\"'.,;:)]}>“”»*!?"
MAX_PLACES = 160
MAX_WORDS = 24
# Lines that a copy may go on over where its white space does not count: an address has up to five.
MAX_LINES = 6
# Features of a candidate: twelve of its place, and how its value is written.
WIDTH = 13
# A guess whose probability is below this is not worth spelling.
FAINT = 0.02
# That a copy goes on as it began: of receipts with that many characters alike, as often as this and no more, and that
# one which began at no likely place ends with its line.
COPY, COPY_A_CHARACTER = 0.95, 0.22
COPY_A_LINE = 0.7
# Characters that have to be alike where a value has left what it copied.
LEAST_LIKE = 3


def hashed(features: Sequence[str]) -> list[int]:
    return [zlib.crc32(feature.encode("utf-8", "surrogatepass")) for feature in features]


def _pattern(word: str) -> str:
    """The word's shape: "INV-2024" → "A-9", with the number of digits where it is short."""
    shape = re.sub(r"[^\W\d_]+", lambda m: "A" if m[0].isupper() else "a" if m[0].islower() else "Aa", word)
    return re.sub(r"\d+", lambda m: f"9{min(len(m[0]), 6)}", shape)[:16]


def _lowered(words: Sequence[str]) -> str:
    return re.sub(r"\d+", "0", " ".join(words)).lower()


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
    def words(self) -> list[int]:
        """Where words begin, opening punctuation aside, at most MAX_PLACES."""
        starts = []
        for match in _WORD.finditer(self.text):
            starts.append(match.start())
            bare = match[0].lstrip(_OPENING)
            if bare and len(bare) < len(match[0]):
                starts.append(match.end() - len(bare))
        return starts[:MAX_PLACES]

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


@dataclass(frozen=True)
class Model:
    """What was learned. weights: float32 of shape (2**BITS,).  sharpness: of each field's distribution, fitted on
    held-out records."""

    weights: Weights
    sharpness: dict[str, float]

    def to_bytes(self) -> bytes:
        """A line of JSON, then the weights as little-endian float16."""
        head = spell({"bits": BITS, "sharpness": self.sharpness})
        return head.encode() + b"\n" + self.weights.astype("<f2").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Model:
        """Raises ValueError for anything that `to_bytes` does not write."""
        head, _, body = data.partition(b"\n")
        told = json.loads(head)
        if not isinstance(told, dict) or told.get("bits") != BITS or len(body) != 2 << BITS:
            raise ValueError("not a table of drafts")
        weights = np.frombuffer(body, "<f2").astype(np.float32)
        return cls(weights, {name: float(value) for name, value in told["sharpness"].items()})


def slots(field: int, kind: str, hashes: Hashes) -> npt.NDArray[np.int64]:
    """Places in the table: the same features mean something else for each field."""
    salt = np.uint32(zlib.crc32(f"{field}{kind}".encode()) | 1)
    return ((hashes * salt) >> np.uint32(32 - BITS)).astype(np.int64)


def softmax(scores: Weights) -> Weights:
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum(), np.float32)


@dataclass
class Candidates:
    """What one field may be. texts: JSON values, None for "something else"; the same value may stand in several places.

    features: (candidates, features each). begins: places of verbatim texts, whose ends are still open."""

    texts: list[str | None]
    features: Hashes
    begins: list[int]


def candidates(page: Page, shape: Shape) -> Candidates | None:
    """None for shapes that are not guessed: lists and objects."""
    found: list[tuple[str, int, str]] = []  # value, place, what else tells it apart
    begins: list[int] = []
    match bare(shape):
        case TextShape(date=True):
            found = [(spell(date), at, "") for date, at in printed_dates(page.text)]
        case TextShape():  # free text is often a copy too; where it is not, "something else" wins
            begins = page.words
        case DateShape():
            found = [(spell(one.value), one.at, one.spelling) for one in dates_in(page.text)]
        case NumberShape(places=places):
            found = [(spell(one.value), one.at, one.spelling) for one in numbers_in(page.text, places)]
        case IntShape():
            found = [(str(int(m[0])), m.start(), "") for m in re.finditer(r"\d+", page.text) if len(m[0]) < 16]
        case ChoiceShape(values=values):
            return _closed(page, [spell(value) for value in values], isinstance(shape, NullableShape))
        case BoolShape():
            return _closed(page, ["false", "true"], isinstance(shape, NullableShape))
        case _:
            return None
    rows = [[*page.features(at), *hashed(["note"])] for at in begins]
    texts: list[str | None] = [""] * len(begins)
    for value, at, note in found[:MAX_PLACES]:
        texts.append(value)
        rows.append([*page.features(at), *hashed([f"note{note}"])])
    if isinstance(shape, NullableShape):
        texts.append("null")
        rows.append(hashed(["null"]) * WIDTH)
    texts.append(None)
    rows.append(hashed(["other"]) * WIDTH)
    return Candidates(texts, np.array(rows, np.uint32), begins)


def _closed(page: Page, values: list[str], nullable: bool) -> Candidates:
    """A closed set: each value is scored by the words of the document."""
    texts: list[str | None] = [*values, *(["null"] if nullable else [])]
    words = list(dict.fromkeys(re.findall(r"[^\W\d_]+|[^\w\s.,:;|\-/=()]", page.text.lower())))[:96] or [""]
    bag = np.array(hashed(words), np.uint32)
    salts = np.array(hashed([f"={text}" for text in texts]), np.uint32) | np.uint32(1)
    prior = np.array(hashed([f"prior{text}" for text in texts]), np.uint32)
    return Candidates(texts, np.concatenate([bag[None, :] * salts[:, None], prior[:, None]], 1), [])


@dataclass(frozen=True)
class Guess:
    """A field's likely values. texts: distinct, likeliest first.  odds: of each; the rest is for anything else."""

    texts: list[str]
    odds: list[float]

    def onwards(self, written: str) -> tuple[str, list[float]] | None:
        """The likeliest value that begins with what is written: what is left of it, and the probability of each of
        those characters given the ones before. None when no value does."""
        fitting = [
            (text, odd)
            for text, odd in zip(self.texts, self.odds, strict=True)
            if text.startswith(written) and len(text) > len(written)
        ]
        if not fitting:
            return None
        best = fitting[0][0]
        other = max(0.0, 1.0 - sum(self.odds)) if not written else 0.02 * sum(odd for _, odd in fitting)
        # How many candidates go along up to each character.
        share = [0.0] * (len(best) + 1)
        for text, odd in fitting:
            common = next(
                (i for i, (a, b) in enumerate(zip(best, text, strict=False)) if a != b), min(len(best), len(text))
            )
            share[common] += odd
        total = other + sum(odd for _, odd in fitting)
        odds = []
        going = total
        along = sum(share[len(written) + 1 :])
        for at in range(len(written), len(best)):
            odds.append(along / going if going > 0 else 0.0)
            going = along
            along -= share[at + 1]
        return best[len(written) :], odds


def _is_whole(value: str) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


class RecordGuess:
    """The drafter of one document: guesses how its record goes on. See `device.decoder.Drafter`."""

    def __init__(
        self,
        shape: ObjectShape,
        model: Model,
        text: str,
        tokenize: Callable[[str], list[int]],
        detokenize: Callable[[Sequence[int]], bytes],
    ) -> None:
        self._shape = shape
        self._names = [name for name, _ in shape.fields]
        self._keys = keys(self._names)
        self._model = model
        self._page = Page(text)
        self._tokenize = tokenize
        self._detokenize = detokenize
        self._fields: dict[int, Guess | None] = {}
        self._begins: dict[int, int] = {}  # where a field's copy most likely begins
        self._seen = 0
        self._bytes = b""

    def guess(self, output: Sequence[int]) -> Iterator[tuple[int, float]]:
        # Only the new part of the output is spelled; the rest is known from the call before.
        self._bytes += self._detokenize(output[self._seen :])
        self._seen = len(output)
        try:
            written = self._bytes.decode("utf-8")
        except UnicodeDecodeError:
            return  # in the middle of a character
        onwards, odds = self._onwards(written)
        if not onwards:
            return
        tokens = self._tokenize(written + onwards)
        as_usual = tokens[: len(output)] == list(output)
        # Where the output is spelled otherwise than the tokenizer would, the guess takes up from here.
        tokens = tokens[len(output) :] if as_usual else self._tokenize(onwards)
        # A token is right when all its characters are; a character may be spread over several tokens.
        sizes = [len(character.encode()) for character in onwards]
        ends = np.cumsum(sizes).tolist()
        at = character = 0
        for token in tokens:
            at += len(self._detokenize([token]))
            probability = 1.0
            while character < len(odds) and ends[character] - sizes[character] < at:
                probability *= odds[character]
                character += 1
            yield token, probability

    def _onwards(self, written: str) -> tuple[str, list[float]]:
        """The rest of the record, as far as it can be guessed, and the probability of each character."""
        field, value, key = self._where(written)
        if field < 0:
            return "", []
        text, odds = key, [1.0] * len(key)
        while field < len(self._shape.fields):
            found = self._value(field, value)
            if found is None:
                break
            field, value = field + 1, ""
            text += found[0] + self._keys[field]
            odds += found[1] + [1.0] * len(self._keys[field])
        return (text, odds) if len(text) > len(key) else ("", [])

    def _where(self, written: str) -> tuple[int, str, str]:
        """The field whose value is being written or comes next, what stands of the value already, and what is still
        missing before it; -1 for the field where there is none."""
        values = list(values_in(written, self._names))
        end = 0
        if values:
            _, start, end = values[-1]
            value = written[start:end]
            if end == len(written) and (value[-1:].isdigit() or not _is_whole(value)):
                return len(values) - 1, value, ""
        key, begun = self._keys[len(values)], written[end:]
        return (len(values), "", key[len(begun) :]) if key.startswith(begun) else (-1, "", "")

    def _value(self, field: int, written: str) -> tuple[str, list[float]] | None:
        if field not in self._fields:
            self._fields[field] = self._guess_field(field)
        guess = self._fields[field]
        if guess is None:
            return None
        return guess.onwards(written) or self._copy(field, written)

    def _guess_field(self, field: int) -> Guess | None:
        name, shape = self._shape.fields[field]
        found = candidates(self._page, shape)
        if found is None:
            return None
        weights, sharpness = self._model.weights, self._model.sharpness.get(name, 1.0)
        odds = softmax(sharpness * weights[slots(field, "at", found.features)].sum(1))
        if found.begins:
            self._begins[field] = found.begins[int(odds[: len(found.begins)].argmax())]
        likely: dict[str, float] = {}
        for index in np.flatnonzero(odds >= FAINT).tolist():
            text, odd = found.texts[index], float(odds[index])
            if text is None:
                continue
            if index < len(found.begins):
                at = found.begins[index]
                for end, share in self._ends(field, at):
                    value = spell(self._page.copied(at, end, self._text(field)))
                    likely[value] = likely.get(value, 0.0) + odd * share
            else:
                likely[text] = likely.get(text, 0.0) + odd
        ranked = sorted(likely.items(), key=lambda item: -item[1])
        return Guess([text for text, _ in ranked], [odd for _, odd in ranked])

    def _ends(self, field: int, at: int) -> Iterator[tuple[int, float]]:
        ends = self._page.ends(at, self._text(field))
        if ends:
            hashes = np.array([features for _, features in ends], np.uint32)
            odds = softmax(self._model.weights[slots(field, "end", hashes)].sum(1))
            for (end, _), odd in zip(ends, odds.tolist(), strict=True):
                if odd >= FAINT:
                    yield end, odd

    def _text(self, field: int) -> TextShape:
        shape = bare(self._shape.fields[field][1])
        assert isinstance(shape, TextShape)  # the others are no copies
        return shape

    def _copy(self, field: int, written: str) -> tuple[str, list[float]] | None:
        """A text that no candidate begins like: where its end stands in the document, it goes on as that does."""
        shape = bare(self._shape.fields[field][1])
        if not isinstance(shape, TextShape) or len(written) < 2 or written[0] != '"' or "\\" in written:
            return None
        begun = written[1:]
        letters, places = self._page.letters(shape)
        # All of it, or what came after a word that is not as in the document.
        sizes = [len(begun), *range(len(begun) - 1, LEAST_LIKE - 1, -1)]
        size, first = next(((n, at) for n in sizes if (at := letters.find(begun[-n:])) >= 0), (0, 0))
        if not size:
            return None
        at, least = places[first], places[first + size]
        if size < len(begun):
            at = self._begins.get(field, at)
        ends = list(self._ends(field, at)) if at in self._page.words else []
        line = self._page.end_of_line(least), COPY_A_LINE
        end, last = max((one for one in ends if one[0] > least), key=lambda one: one[1], default=line)
        rest = spell(self._page.copied(least, end, shape))[1:]
        # The longer what is written, the fewer places it can come from.
        sure = min(COPY, COPY_A_CHARACTER * size)
        return rest, [sure] + [1.0] * (len(rest) - 2) + [last] if len(rest) > 1 else [last]
