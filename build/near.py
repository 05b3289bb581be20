"""Near-duplicates: which of the texts seen before are nearly this one, by exact Jaccard similarity of shingle sets.

Knows nothing of examples or parts. One index serves rows that come one by one and batches alike. Source: prefix
filtering (Bayardo, Ma, Srikant 2007): two sets that are similar enough share one of their few rarest shingles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from boardwright.schemas.compare import fold

SHINGLE = 5
# Receipts of one shop share their letterhead and differ in everything that matters: Jaccard 0.5 to 0.7 is usual there.
NEAR = 0.8

# A set of shingles: distinct hashes in order. With 32 bits, two documents seem to share a shingle that they don't
# about once in 50,000 pairs, which moves no similarity across a threshold.
Shingles = npt.NDArray[np.uint32]

_MULTIPLIERS = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F], np.uint64
)
_FIRST_COUNT = 64


def shingles(text: str) -> Shingles:
    """Every five letters or digits in a row, case and punctuation aside (Broder 1997); of a shorter text, the whole."""
    codes = np.frombuffer((fold(text) or "\0").encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    width = min(SHINGLE, len(codes))
    windows = np.lib.stride_tricks.sliding_window_view(codes, width)
    mixed = (windows * _MULTIPLIERS[:width]).sum(1, dtype=np.uint64)
    mixed ^= mixed >> np.uint64(29)
    return np.unique((mixed * _MULTIPLIERS[0] >> np.uint64(32)).astype(np.uint32))


@dataclass(frozen=True)
class Near:
    """A text of the index that is nearly the one asked for. similarity: Jaccard, 0 to 1."""

    name: str
    similarity: float


class NearIndex:
    """Texts by name, of which each can be asked for by anything at least `threshold` similar to it."""

    def __init__(self, threshold: float = NEAR) -> None:
        self._threshold = threshold
        self._names: list[str] = []
        self._sets: list[Shingles] = []
        self._holders: dict[int, list[int]] = {}
        # How rare a shingle is, as counted when the index last doubled: any fixed order is right, this one is fast.
        self._counted: Shingles = np.empty(0, np.uint32)
        self._counts: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._next_count = _FIRST_COUNT

    def __len__(self) -> int:
        return len(self._sets)

    def add(self, name: str, pieces: Shingles) -> None:
        self._names.append(name)
        self._sets.append(pieces)
        if len(self._sets) < self._next_count:
            self._hold(len(self._sets) - 1)
            return
        self._next_count *= 2
        shared, counts = np.unique(np.concatenate(self._sets), return_counts=True)
        self._counted, self._counts = shared[counts > 1], counts[counts > 1]
        self._holders = {}
        for number in range(len(self._sets)):
            self._hold(number)

    def near(self, pieces: Shingles) -> list[Near]:
        """Every text that is at least `threshold` similar, the most similar first."""
        size = len(pieces)
        numbers = {number for piece in self._rarest(pieces) for number in self._holders.get(piece, ())}
        found = []
        for number in sorted(numbers):
            other = self._sets[number]
            if min(size, len(other)) < self._threshold * max(size, len(other)):
                continue
            shared = len(np.intersect1d(pieces, other, assume_unique=True))
            union = size + len(other) - shared
            if shared >= self._threshold * union:
                found.append(Near(self._names[number], shared / union))
        return sorted(found, key=lambda one: -one.similarity)

    def _hold(self, number: int) -> None:
        for piece in self._rarest(self._sets[number]):
            self._holders.setdefault(piece, []).append(number)

    def _rarest(self, pieces: Shingles) -> list[int]:
        """The shingles of which a similar set must hold one: it lacks at most the share 1 - threshold of all."""
        must_share = math.ceil(self._threshold * len(pieces) - 1e-9)
        rarity = np.zeros(len(pieces), np.int64)
        if len(self._counted):
            at = np.searchsorted(self._counted, pieces).clip(max=len(self._counted) - 1)
            rarity = np.where(self._counted[at] == pieces, self._counts[at], 0)
        order = np.argsort(rarity, kind="stable")  # of equally rare ones, the smaller hash first: pieces are in order
        ranked: list[int] = pieces[order[: len(pieces) - must_share + 1]].tolist()
        return ranked


def near_duplicates(texts: Sequence[str], others: Sequence[str], threshold: float = NEAR) -> list[bool]:
    """For each text, whether one of the others is nearly the same."""
    index = NearIndex(threshold)
    for number, other in enumerate(others):
        index.add(str(number), shingles(other))
    return [bool(index.near(shingles(text))) for text in texts]
