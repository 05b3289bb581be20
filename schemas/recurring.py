"""Recurring values: a company or an address that is the same in documents of one sender, whatever a scan made of it.

Knows nothing of students. Where a document is much like one that was labelled, and a value much like that one's, they
are mostly the same: what a student doubts is more likely to be that value than what a torn or misread line says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from boardwright.schemas.compare import fold
from boardwright.schemas.conventions import JUDGED, doubted, share

# How much alike two documents of one sender are (`Neighbours.nearest`), and two spellings of one value, at the least.
NEAR = 0.5
ALIKE = 0.75
MOSTLY = 0.75  # of those documents have to have the same value: dates and totals are so only by chance


def alike(value: str, other: str) -> bool:
    return SequenceMatcher(None, fold(value), fold(other), autojunk=False).ratio() >= ALIKE


def recurring(
    fields: Sequence[str],
    documents: Sequence[tuple[str, Mapping[str, Any]]],
    neighbour: Callable[[str], Mapping[str, Any]],
) -> dict[str, float]:
    """Field → of labelled documents that have a neighbour, the share whose value is the same; where MOSTLY it is.

    fields: those with texts as printed.  documents: (text, record) each.  neighbour: of a text, the record of another
    one that is NEAR; an empty one for none."""
    pairs = [(record, neighbour(text)) for text, record in documents[:JUDGED]]
    told = {}
    for name in fields:
        both = [(one[name], other.get(name)) for one, other in pairs]
        same = [fold(value) == fold(other) for value, other in both if value and other]
        if (often := share(same)) >= MOSTLY:
            told[name] = often
    return told


def restored(
    values: Mapping[str, str | None],
    neighbour: Callable[[str], Mapping[str, Any]],
    text: str,
    told: Mapping[str, float],
    sure: Mapping[str, float],
) -> dict[str, str]:
    """Of the values those that become their neighbour's: they are alike, and it is right more often than the student
    is by how sure it is.

    neighbour: as of `recurring`; a search, so for values in doubt alone.  sure: the student's log probability of each
    value, in nats; one that is left out counts as in doubt."""
    asked = [
        (name, value) for name, often in told.items() if (value := values.get(name)) and doubted(sure.get(name), often)
    ]
    found = neighbour(text) if asked else {}
    return {
        name: other
        for name, value in asked
        if (other := found.get(name)) and fold(other) != fold(value) and alike(value, other)
    }
