"""Synthetic invoices for the task: an endless, deterministic stream of documents with their records.

Knows nothing of training. "train" and "valid" share languages, wordings and formats, but no vendor stem, no layout and
no combination of wordings: what is scored is reading, not recall.

The rules that make each record derivable from the text alone:

- A field that the text does not state is null: a due date is no date, a subtotal no total, a country no currency.
- Dates in figures are day first, or ISO: month-first dates come with the month's name.
- The total is the gross sum of the invoice, before deposits. "$" is USD, "¥" JPY; "kr" stands beside "SEK".
- A number is what stands behind its label: "PO-881" behind "PO:" keeps its prefix; "#" and "no." belong to the label.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from boardwright.schemas.examples import Example

from ._facts import Facts, draw
from ._layouts import FAMILIES, receipt
from ._noise import smudge, unmark
from ._writer import Writer

PARTS = ("train", "valid")
MIN_CHARS, MAX_CHARS = 40, 400
NOISY = 0.15


@dataclass(frozen=True)
class Draft:
    """A document with what it was made from, for whoever checks the generator."""

    example: Example
    facts: Facts
    layout: str
    noisy: bool


def generate(seed: int, part: str) -> Iterator[Example]:
    """Yield labelled invoices without end. part: "train" or "valid". Raises ValueError for any other part."""
    return (draft.example for draft in drafts(seed, part))


def drafts(seed: int, part: str) -> Iterator[Draft]:
    """As `generate`, with the facts and the layout of each document."""
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, not {part!r}")
    return _drafts(random.Random(f"{seed}:{part}"), seed, part)


def _drafts(rng: random.Random, seed: int, part: str) -> Iterator[Draft]:
    number = 0
    families, weights = list(FAMILIES), list(FAMILIES.values())
    while True:
        family = rng.choices(families, weights)[0]
        facts = draw(rng, part, retail=family is receipt)
        layout, marked = family(Writer(rng, facts, part))
        noisy = rng.random() < NOISY
        text = unmark(smudge(rng, marked) if noisy else marked).strip()
        if not MIN_CHARS <= len(text) <= MAX_CHARS:
            continue
        yield Draft(Example(f"invoice-{part}-{seed}-{number:06}", text, facts.record()), facts, layout, noisy)
        number += 1
