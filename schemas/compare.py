"""Comparators: when a field is right, and what a set of records scores.

Knows nothing of how records were made. A comparator is a name in a task, so that a bundle can carry it as data.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal

ComparatorName = Literal["exact", "text", "number"]


def exact(gold: Any, got: Any) -> bool:
    return bool(gold == got)


def fold(value: str) -> str:
    """Letters and digits alone, case folded, compatibility forms unified: «Müller & Co.» → «müllerco»."""
    return "".join(filter(_stays, unicodedata.normalize("NFKC", value).casefold()))


@cache  # as many as there are characters, and a document's are looked up by the hundred
def _stays(c: str) -> bool:
    """Half of the letters of Hindi or Thai are marks: without them «का» were «कि». Variation selectors are none."""
    return c.isalnum() or (unicodedata.category(c) in ("Mn", "Mc") and not "\ufe00" <= c <= "\ufe0f")


def text(gold: Any, got: Any) -> bool:
    """Equal, case, white space and punctuation aside. Other types than strings compare exactly."""
    if isinstance(gold, str) and isinstance(got, str):
        # «€» and «$» both fold to nothing.
        return gold == got or fold(gold) == fold(got) != ""
    return exact(gold, got)


def number(gold: Any, got: Any) -> bool:
    try:
        return Decimal(str(gold)) == Decimal(str(got))
    except InvalidOperation:
        return exact(gold, got)


COMPARATORS: dict[str, Callable[[Any, Any], bool]] = {"exact": exact, "text": text, "number": number}


def credit(comparator: str, gold: Any, got: Any) -> float:
    """What a field earns, 0 to 1: all or nothing, but of two lists the harmonic mean of precision and recall of their
    items (F1), whatever their order. An item is as right as a field by itself."""
    same = COMPARATORS[comparator]
    if not (isinstance(gold, list) and isinstance(got, list)):
        return float(same(gold, got))
    if not gold and not got:
        return 1.0
    left = list(got)
    for item in gold:
        found = next((at for at, other in enumerate(left) if same(item, other)), None)
        if found is not None:
            del left[found]
    return 2 * (len(got) - len(left)) / (len(gold) + len(got))


@dataclass(frozen=True)
class Scores:
    """Shares in 0 to 1. `failed` counts documents without a record; their fields earn nothing."""

    documents: int
    failed: int
    records_right: float
    fields_right: float
    per_field: dict[str, float]


def score(
    golds: Sequence[Mapping[str, Any]], records: Sequence[Mapping[str, Any] | None], comparators: Mapping[str, str]
) -> Scores:
    """Score records (JSON form, None where a document failed) against gold records of the same length.

    records_right: share of documents with every field right. fields_right: what fields earn (`credit`), its mean over
    all documents; per_field: of one.
    """
    if len(golds) != len(records) or not golds:
        raise ValueError(f"{len(golds)} gold records, {len(records)} answers")
    names = list(comparators)
    earned = dict.fromkeys(names, 0.0)
    whole = 0
    for gold, record in zip(golds, records, strict=True):
        if record is None:
            continue
        for name in names:
            earned[name] += credit(comparators[name], gold.get(name), record.get(name))
        whole += all(COMPARATORS[comparators[name]](gold.get(name), record.get(name)) for name in names)
    total = len(golds)
    return Scores(
        documents=total,
        failed=sum(record is None for record in records),
        records_right=whole / total,
        fields_right=sum(earned.values()) / (total * len(names)),
        per_field={name: earned[name] / total for name in names},
    )


def wilson(right: int, total: int) -> tuple[float, float]:
    """Between which shares the true one lies, at 95 %, when `right` of `total` were right.

    Wilson's score interval (JASA 22, 1927, 209–212): of use where there are few, or all are right."""
    if not 0 <= right <= total or not total:
        raise ValueError(f"{right} of {total}")
    share, z = right / total, 1.959964
    scale = 1 + z * z / total
    middle = (share + z * z / (2 * total)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, middle - half), min(1.0, middle + half)
