"""Conventions: a word before a value that some labels take in and others leave out, such as the RM before a total.

Knows nothing of students. Which of the two it is does not follow from the document, and mostly from the record of its
neighbour. A student that has few documents to learn from goes by that less often than it should.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from boardwright.schemas.found import spelled

# So many labels have the word, and so many leave it out: fewer are slips.
AT_LEAST = 3
JUDGED = 200  # documents whose neighbours tell how often neighbours are right, the first ones: each is a search
_FIRST = re.compile(r"([^\W\d_]++) *+(?=\S)")
_LETTER = re.compile(r"[^\W\d_]")
_BEFORE = re.compile(r"([^\W\d_]+) *\Z")

Conventions = Mapping[str, Mapping[str, float]]
"""Field → word, case folded → of documents, the share whose neighbour's record has it as theirs."""


class Lead(NamedTuple):
    """A word before a value, as `printed` with the space behind it.  taken: it is the value's first one."""

    word: str
    printed: str
    taken: bool


def lead(value: str, text: str) -> Lead | None:
    """The word that the value begins with, or that the text has before it; None where there is none."""
    if first := _FIRST.match(value):
        return Lead(first[1].casefold(), first[0], taken=True)
    flat = spelled(text, 0, len(text))
    for place in re.finditer(re.escape(value), flat):
        before = _BEFORE.search(flat, 0, place.start())
        within = before and before[0] == before[1] and _LETTER.match(value)
        if before and not within and not flat[place.end() : place.end() + 1].isalnum():
            return Lead(before[1].casefold(), before[0], taken=False)
    return None


def begins_with(value: str, word: str) -> bool:
    first = _FIRST.match(value)
    return first is not None and first[1].casefold() == word


def turned(value: str, found: Lead) -> str:
    """The value with its lead taken in where it was left out, and left out where it was taken in."""
    return value[len(found.printed) :] if found.taken else found.printed + value


def share(right: Sequence[bool]) -> float:
    """How often neighbours are right, by the rule of succession (Laplace): a few that all are make no certainty."""
    return round((sum(right) + 1) / (len(right) + 2), 3)


def doubted(sure: float | None, right: float) -> bool:
    """Whether neighbours are right more often than the student is by how sure it is.

    sure: its log probability of a value, in nats; None counts as in doubt.  right: a share."""
    return (0.0 if sure is None else math.exp(sure)) < right


def conformed(
    values: Mapping[str, str | None],
    neighbour: Callable[[str], Mapping[str, Any]],
    text: str,
    told: Conventions,
    sure: Mapping[str, float],
) -> dict[str, str]:
    """Of the values those that follow their neighbour's convention instead of their own, as they become.

    A value does where the neighbour is right more often than the student is by how sure it is.

    neighbour: of a text, the record of its neighbour; a search, so for values in doubt alone.  sure: the student's
    log probability of each value, in nats; one that is left out counts as in doubt."""
    changed = {}
    for name, words in told.items():
        value = values.get(name)
        found = lead(value, text) if value else None
        if value and found and doubted(sure.get(name), words.get(found.word, 0.0)):
            other = neighbour(text).get(name)
            if other and begins_with(other, found.word) != found.taken:
                changed[name] = turned(value, found)
    return changed


def conventions(
    fields: Sequence[str],
    documents: Sequence[tuple[str, Mapping[str, Any]]],
    neighbour: Callable[[str], Mapping[str, Any]],
) -> dict[str, dict[str, float]]:
    """What conventions labelled documents show.

    fields: those with texts as printed.  documents: (text, record) each.  neighbour: of a text, the record of another
    one; an empty one for none."""
    found = list(_leads(fields, documents))
    times = Counter((name, one.word, one.taken) for name, one, _ in found)
    told: dict[str, dict[str, float]] = {}
    for name, word in {(name, word): None for name, word, _ in times}:
        if min(times[name, word, True], times[name, word, False]) >= AT_LEAST:
            about = [(one, text) for field, one, text in found if (field, one.word) == (name, word)][:JUDGED]
            others = [(one.taken, neighbour(text).get(name)) for one, text in about]
            right = [begins_with(other, word) == taken for taken, other in others if other]
            if right:
                told.setdefault(name, {})[word] = share(right)
    return told


def _leads(
    fields: Sequence[str], documents: Sequence[tuple[str, Mapping[str, Any]]]
) -> Iterator[tuple[str, Lead, str]]:
    for text, record in documents:
        for name in fields:
            if record[name] and (one := lead(record[name], text)):
                yield name, one, text
