"""Neighbours: of the documents that a student has learnt from, the one most like the document before it.

Knows nothing of prompts or students. What labels follow that documents do not say (whether a total is written with its
currency, whether a branch belongs to an address) is mostly the same in documents of one sender; whose record is shown
is answered alike (Liu et al. 2022, "What makes good in-context examples for GPT-3?", with words for embeddings: a board
has a fraction of a second, and the names of a sender are words).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from boardwright.schemas.compare import fold
from boardwright.schemas.conventions import Conventions
from boardwright.schemas.records import spell

MOST = 4000  # documents that are kept, the first ones: looking up takes time with their number, and so does loading
COMMON = 0.5  # a word in more of the documents than that tells none of them from another
UNIT = 1024  # weights are whole numbers: their sums are the same on every machine, whatever its logarithm
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Neighbours:
    """records: in their canonical JSON.  texts: a digest of each one's document.  words: those of the documents, each
    with the places in `records` of those that have it; with none where most have it.  conventions: in which a record
    is as its neighbour's.  recurring: as `schemas.recurring` tells."""

    records: tuple[str, ...]
    texts: tuple[str, ...]
    words: dict[str, tuple[int, ...]]
    conventions: Conventions = field(default_factory=dict)
    recurring: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, documents: Iterable[tuple[str, str]]) -> Neighbours:
        """documents: (text, canonical record) each."""
        records, texts = [], []
        places: dict[str, list[int]] = {}
        for at, (text, record) in enumerate(documents):
            if at == MOST:
                break
            records.append(record)
            texts.append(_digest(text))
            for word in _words(text):
                places.setdefault(word, []).append(at)
        most = max(1, COMMON * len(records))
        words = {word: tuple(found) if len(found) <= most else () for word, found in sorted(places.items())}
        return cls(tuple(records), tuple(texts), words)

    def nearest(self, text: str, least: float = 0.0) -> str | None:
        """The record of the document most like this one, by the words that both have, rare ones counting most (the
        index of Jaccard, each word weighted with its inverse document frequency). None where they share no word, or it
        is not more than `least`.

        A document is no neighbour of itself, so that what is learnt with a neighbour is what is read with one."""
        shared = [0] * len(self.records)
        own = 0
        for word in _words(text):
            places = self.words.get(word)
            weight = self._weight(1 if places is None else len(places))
            own += weight
            for at in places or ():
                shared[at] += weight
        itself = _digest(text)
        best, found = least, None
        for at, (common, whole) in enumerate(zip(shared, self._whole, strict=True)):
            if common and (likeness := common / (own + whole - common)) > best and self.texts[at] != itself:
                best, found = likeness, self.records[at]
        return found

    def nearest_record(self, text: str, least: float = 0.0) -> dict[str, Any]:
        """As `nearest`, and an empty one for none."""
        record: dict[str, Any] = json.loads(self.nearest(text, least) or "{}")
        return record

    @cached_property
    def _whole(self) -> Sequence[int]:
        """What all words of each document weigh."""
        whole = [0] * len(self.records)
        for places in self.words.values():
            weight = self._weight(len(places))
            for at in places:
                whole[at] += weight
        return whole

    def _weight(self, documents: int) -> int:
        """Of a word that so many of them have, most of them where 0."""
        return documents and round(UNIT * math.log2((len(self.records) + 1) / documents))

    def to_json(self) -> str:
        told: dict[str, Any] = {"records": self.records, "texts": self.texts, "words": self.words}
        learnt = {"conventions": self.conventions, "recurring": self.recurring}
        return spell(told | {name: found for name, found in learnt.items() if found}) + "\n"

    @classmethod
    def from_json(cls, data: str | bytes) -> Neighbours:
        """Raises ValueError for anything that `to_json` does not write."""
        told = json.loads(data)
        if (
            not isinstance(told, dict)
            or set(told) - {"conventions", "recurring"} != {"records", "texts", "words"}
            or not isinstance(told["words"], dict)
            or not all(isinstance(some, list) for some in (told["records"], told["texts"], *told["words"].values()))
        ):
            raise ValueError("not an index of neighbours")
        records, texts = tuple(told["records"]), tuple(told["texts"])
        words = {word: tuple(places) for word, places in told["words"].items()}
        sound = (
            len(records) == len(texts)
            and all(isinstance(one, str) for one in (*records, *texts))
            and all(isinstance(at, int) and 0 <= at < len(records) for places in words.values() for at in places)
            and _are_conventions(told.get("conventions", {}))
            and _are_shares(told.get("recurring", {}))
        )
        if not sound:
            raise ValueError("not an index of neighbours")
        return cls(records, texts, words, told.get("conventions", {}), told.get("recurring", {}))

    @cached_property
    def id(self) -> str:
        """sha256 of what prompts are made from."""
        return hashlib.sha256(replace(self, conventions={}, recurring={}).to_json().encode()).hexdigest()


def _are_conventions(told: object) -> bool:
    return isinstance(told, dict) and all(map(_are_shares, told.values()))


def _are_shares(told: object) -> bool:
    return isinstance(told, dict) and all(isinstance(one, int | float) and 0 <= one <= 1 for one in told.values())


def _words(text: str) -> list[str]:
    """Each word once, in the order in which they come."""
    return list(dict.fromkeys(_WORD.findall(text.casefold())))


def _digest(text: str) -> str:
    """The same for texts that differ in nothing but case, white space and punctuation."""
    return hashlib.sha256(fold(text).encode("utf-8", "surrogatepass")).hexdigest()[:16]
