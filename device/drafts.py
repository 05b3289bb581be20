"""Guesses of a record from its document: what a drafter proposes and the student then confirms or not.

Knows nothing of grammars, engines or passes. A log-linear model over candidates: for each value of the record, every
place in the document where it might stand is scored by hashed features of what surrounds it (label, column head, shape
of the value; in a list also how far it is from the value before), and "null", "something else" and the end of the list
are candidates too. The weights are learned from the examples that the student is trained on and ship with the bundle; a
wrong guess costs a little time and changes nothing.
Source: maximum-entropy ranking with feature hashing (Weinberger et al. 2009).
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from boardwright.device.places import MAX_PLACES, Hashes, Page, hashed
from boardwright.schemas.found import dates_in, numbers_in, printed_dates
from boardwright.schemas.records import spell
from boardwright.schemas.shape import (
    BoolShape,
    ChoiceShape,
    DateShape,
    IntShape,
    NullableShape,
    NumberShape,
    ObjectShape,
    TextShape,
    bare,
)
from boardwright.schemas.spelling import Fork, Leaf, Piece, leaf_names, pieces, read_piece

BITS = 16
Weights = npt.NDArray[np.float32]

# Features of a candidate: twelve of its place, and how its value is written; in a list three more.
WIDTH = 13
# A guess whose probability is below this is not worth spelling.
FAINT = 0.02
# That a copy goes on as it began: of receipts with that many characters alike, as often as this and no more, and that
# one which began at no likely place ends with its line.
COPY, COPY_A_CHARACTER = 0.95, 0.22
COPY_A_LINE = 0.7
# Characters that have to be alike where a value has left what it copied.
LEAST_LIKE = 3
# The end of a list, among the candidates for its next item.
END = "]"


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


def slots(field: int, kind: str, hashes: Hashes) -> npt.NDArray[np.uint16]:
    """Places in the table: the same features mean something else for each field."""
    salt = np.uint32(zlib.crc32(f"{field}{kind}".encode()) | 1)
    return ((hashes * salt) >> np.uint32(32 - BITS)).astype(np.uint16)


def softmax(scores: Weights) -> Weights:
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum(), np.float32)


@dataclass
class Candidates:
    """What a value may be. texts: JSON values, None for "something else"; the same value may stand in several places.

    features: (candidates, features each). begins: places of verbatim texts, whose ends are still open."""

    texts: list[str | None]
    features: Hashes
    begins: list[int]


def candidates(page: Page, leaf: Leaf, last: tuple[int, int] = (0, 0)) -> Candidates:
    """last: where the latest text of the record stands."""
    found: list[tuple[str, int, str]] = []  # value, place, what else tells it apart
    begins: list[int] = []
    extra = [*(["null"] if isinstance(leaf.shape, NullableShape) else []), *([END] if leaf.closing else [])]
    match bare(leaf.shape):
        case TextShape(date=True):
            found = [(spell(date), at, "") for date, at in printed_dates(page.text)]
        case TextShape():  # free text is often a copy too; where it is not, "something else" wins
            begins = page.words(last[1] if leaf.listed else 0)
        case DateShape():
            found = [(spell(one.value), one.at, one.spelling) for one in dates_in(page.text)]
        case NumberShape(places=decimals):
            found = [(spell(one.value), one.at, one.spelling) for one in numbers_in(page.text, decimals)]
        case IntShape():
            found = [(str(int(m[0])), m.start(), "") for m in re.finditer(r"\d+", page.text) if len(m[0]) < 16]
        case ChoiceShape(values=values):
            return _closed(page, leaf, [*map(spell, values), *extra], last)
        case BoolShape():
            return _closed(page, leaf, ["false", "true", *extra], last)
    found = found[:MAX_PLACES]
    places = [*begins, *(at for _, at, _ in found)]
    notes = hashed([*(["note"] * len(begins)), *(f"note{note}" for _, _, note in found)])
    texts: list[str | None] = [*([""] * len(begins)), *(value for value, _, _ in found), *extra, None]
    features = [[*page.features(at), note] for at, note in zip(places, notes, strict=True)]
    if leaf.listed:
        features = [[*row, *more] for row, more in zip(features, page.distances(places, last[1]), strict=True)]
    width = WIDTH + 3 * leaf.listed
    features += [hashed([other]) * width for other in (*extra, "other")]
    return Candidates(texts, np.array(features, np.uint32), begins)


def _closed(page: Page, leaf: Leaf, texts: list[str], last: tuple[int, int]) -> Candidates:
    """A closed set: each value is scored by the words of the document, in a list by those around the latest text."""
    if leaf.listed:
        words = page.around(last)
    else:
        words = list(dict.fromkeys(re.findall(r"[^\W\d_]+|[^\w\s.,:;|\-/=()]", page.text.lower())))[:96]
    bag = np.array(hashed(words or [""]), np.uint32)
    salts = np.array(hashed([f"={text}" for text in texts]), np.uint32) | np.uint32(1)
    prior = np.array(hashed([f"prior{text}" for text in texts]), np.uint32)
    return Candidates([*texts], np.concatenate([bag[None, :] * salts[:, None], prior[:, None]], 1), [])


@dataclass(frozen=True)
class Guess:
    """A value's likely spellings. texts: distinct, likeliest first.  odds: of each; the rest is for anything else.
    end: how likely the list ends instead."""

    texts: list[str]
    odds: list[float]
    end: float = 0.0

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
        self._numbers = {name: number for number, name in enumerate(leaf_names(shape))}
        self._model = model
        self._page = Page(text)
        self._tokenize = tokenize
        self._detokenize = detokenize
        self._known: dict[tuple[str, bool, tuple[int, int]], tuple[Guess, int]] = {}
        self._known_ends: dict[tuple[str, int], list[tuple[int, float]]] = {}
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
        steps = pieces(self._shape)
        piece = next(steps)
        at, last = 0, (0, 0)
        onwards, odds = "", list[float]()
        likely = fork = 1.0  # of all that is guessed, and of the latest fork, which shows in what comes next
        guessed = False
        try:
            while likely >= FAINT:
                begun = written[at:]
                answer = read_piece(piece, written, at)
                if answer is None:
                    found = self._rest(piece, last, begun)
                    if found is None:
                        break
                    rest, shares = found
                    answer = begun + rest
                    likely *= float(np.prod(shares))
                    if isinstance(piece, Fork):
                        [fork] = shares
                    else:
                        onwards += rest
                        odds += [fork * shares[0], *shares[1:]]
                        fork = 1.0
                    guessed |= not isinstance(piece, str)
                if isinstance(piece, Leaf):
                    last = stand(self._page, piece, answer, last)
                if not isinstance(piece, Fork):
                    at += len(answer)
                piece = steps.send(answer)
        except (StopIteration, ValueError):
            pass  # its end, or what is written is no record of this shape
        return (onwards, odds) if guessed else ("", [])

    def _rest(self, piece: Piece, last: tuple[int, int], begun: str) -> tuple[str, list[float]] | None:
        """What is left of a piece, and the probability of each of its characters, or of a fork's way; None where there
        is no telling."""
        match piece:
            case Leaf():
                guess, begin = self._guess(piece, last)
                return guess.onwards(begun) or self._copy(piece, begin, begun)
            case Fork(instead, first):
                end = self._guess(first, last)[0].end if first else 0.5
                return (instead, [end]) if end > 0.5 else ("", [1 - end]) if end < 0.5 else None
            case _:
                return piece[len(begun) :], [1.0] * (len(piece) - len(begun))

    def _guess(self, leaf: Leaf, last: tuple[int, int]) -> tuple[Guess, int]:
        """What a value may be, and where a copy most likely begins. last: where the text before it stands."""
        key = leaf.name, leaf.closing, last if leaf.listed else (0, 0)
        if key not in self._known:
            self._known[key] = self._new_guess(leaf, last)
        return self._known[key]

    def _new_guess(self, leaf: Leaf, last: tuple[int, int]) -> tuple[Guess, int]:
        found = candidates(self._page, leaf, last)
        weights, sharpness = self._model.weights, self._model.sharpness.get(leaf.name, 1.0)
        odds = softmax(sharpness * weights[slots(self._numbers[leaf.name], "at", found.features)].sum(1))
        likely: dict[str, float] = {}
        for index in np.flatnonzero(odds >= FAINT).tolist():
            text, odd = found.texts[index], float(odds[index])
            if text is None:
                continue
            if index < len(found.begins):
                at = found.begins[index]
                for stop, share in self._ends(leaf, at):
                    value = spell(self._page.copied(at, stop, text_of(leaf)))
                    likely[value] = likely.get(value, 0.0) + odd * share
            else:
                likely[text] = likely.get(text, 0.0) + odd
        end = likely.pop(END, 0.0)
        ranked = sorted(likely.items(), key=lambda item: -item[1])
        guess = Guess([text for text, _ in ranked], [odd / (1 - end) for _, odd in ranked] if end < 1 else [], end)
        begin = found.begins[int(odds[: len(found.begins)].argmax())] if found.begins else -1
        return guess, begin

    def _ends(self, leaf: Leaf, at: int) -> list[tuple[int, float]]:
        """Where a copy from a place on may end, and the probability of each end."""
        if (leaf.name, at) not in self._known_ends:
            ends = self._page.ends(at, text_of(leaf))
            hashes = np.array([features for _, features in ends], np.uint32)
            odds = softmax(self._model.weights[slots(self._numbers[leaf.name], "end", hashes)].sum(1)) if ends else ()
            likely = [(end, float(odd)) for (end, _), odd in zip(ends, odds, strict=True) if odd >= FAINT]
            self._known_ends[leaf.name, at] = likely
        return self._known_ends[leaf.name, at]

    def _copy(self, leaf: Leaf, begin: int, written: str) -> tuple[str, list[float]] | None:
        """A text that no candidate begins like: where its end stands in the document, it goes on as that does."""
        shape = bare(leaf.shape)
        if not isinstance(shape, TextShape) or len(written) < 2 or written[0] != '"' or "\\" in written:
            return None
        begun = written[1:]
        letters, places = self._page.letters(shape)
        # All of it, or what came after a word that is not as in the document.
        sizes = [len(begun), *range(len(begun) - 1, LEAST_LIKE - 1, -1)]
        size, first = next(((n, at) for n in sizes if (at := letters.find(begun[-n:])) >= 0), (0, 0))
        if not size:
            return None
        least = places[first + size]
        at = places[first] if size == len(begun) else begin
        ends = self._ends(leaf, at) if at in self._page.words(at) else []
        line = self._page.end_of_line(least), COPY_A_LINE
        end, last = max((one for one in ends if one[0] > least), key=lambda one: one[1], default=line)
        rest = spell(self._page.copied(least, end, shape))[1:]
        # The longer what is written, the fewer places it can come from.
        sure = min(COPY, COPY_A_CHARACTER * size)
        return rest, [sure] + [1.0] * (len(rest) - 2) + [last] if len(rest) > 1 else [last]


def text_of(leaf: Leaf) -> TextShape:
    shape = bare(leaf.shape)
    assert isinstance(shape, TextShape)  # the others are no copies
    return shape


def stand(page: Page, leaf: Leaf, value: str, last: tuple[int, int]) -> tuple[int, int]:
    """Where the text of a value stands: the first place behind the latest one, or the first; else `last`."""
    if not isinstance(bare(leaf.shape), TextShape) or value == "null":
        return last
    text = json.loads(value)
    at = page.text.find(text, last[1])
    at = page.text.find(text) if at < 0 else at
    return (at, at + len(text)) if at >= 0 else last
