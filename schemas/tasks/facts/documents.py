"""Synthetic passages for the task: an endless, deterministic stream of documents with their records.

"train" and "valid" share what can be stated, but no name, no wording and no opinion. What counts as a fact: a clause
that can be checked, in the words of the passage, without the full stop, and without what hedges or praises around it.
A clause that somebody only hopes, plans or has heard is none.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from boardwright.schemas.examples import Example

MOST = 6


@dataclass(frozen=True)
class Words:
    """What one part writes with. stated: clauses that are facts.  wrapped: sentences around one.  other: none in it."""

    starts: tuple[str, ...]
    ends: tuple[str, ...]
    kinds: tuple[str, ...]
    people: tuple[str, ...]
    materials: tuple[str, ...]
    stated: tuple[str, ...]
    wrapped: tuple[str, ...]
    other: tuple[str, ...]


TRAIN = Words(
    starts=tuple("Kar Bel Tor Mon Vel Hal Dor Sten Gar Lin Ros Fal".split()),
    ends=tuple("bach wick dorf ville holm ford stad mere".split()),
    kinds=(
        "bridge", "library", "water mill", "lighthouse", "observatory", "railway station", "reservoir",
        "tower clock",
    ),
    people=tuple("Aisha Moretti|Pavel Novak|Ingrid Larsen|Kofi Okafor|Lucia Duarte|Tomas Farkas".split("|")),
    materials=("granite", "oak", "red brick", "cast iron", "concrete", "slate"),
    stated=(
        "{It} was opened in {year}", "{It} was designed by {who}", "{It} is built of {what}", "{It} is {n} metres long",
        "{It} stands {n} metres above the valley", "{It} has {few} floors", "{It} belongs to the town of {town}",
        "{It} was rebuilt after the fire of {year}", "{who} has run the place since {year}", "{n} people work there",
        "The roof was replaced in {year}", "{It} cost {n} million to build",
        "The nearest road is {few} kilometres away",
    ),
    wrapped=(
        "{fact}.", "{fact}.", "{fact}.", "{fact}, and one can only marvel at it.",
        "As the sign at the gate says, {fact}.",
        "{fact}; what a sight!", "Few visitors notice it, but {fact}.", "{fact}, which surprised all of us.",
    ),
    other=(
        "It is simply breathtaking.", "Some say it is haunted.", "We hope to come back next summer.",
        "Nobody should miss it.",
        "It may one day become a museum.", "I heard that it could be sold soon.",
        "The view is the finest in the country.",
        "Perhaps the council will paint it blue.", "Is there a better place for a picnic?",
        "It feels older than it is.",
        "They talk of adding a café.", "My aunt believes a king once slept here.",
    ),
)  # fmt: skip
VALID = Words(
    starts=tuple("Wen Arn Ober Quin Zel Pern".split()),
    ends=tuple("hausen bury minster vik".split()),
    kinds=("town hall", "windmill", "aqueduct", "cable car", "theatre"),
    people=tuple("Nadia Vasquez|Oskar Holm|Leyla Ahmadi|Simon Falk".split("|")),
    materials=("sandstone", "steel", "timber", "limestone"),
    stated=(
        "{It} was completed in {year}", "{It} was the work of {who}", "{It} consists of {what}",
        "{It} measures {n} metres",
        "{It} is owned by the city of {town}", "{It} holds {n} visitors", "The doors were renewed in {year}",
        "{who} has been its keeper since {year}",
    ),
    wrapped=(
        "{fact}.", "{fact}.", "According to the guide, {fact}.", "{fact}, and it shows.", "{fact}: hard to believe.",
    ),
    other=(
        "There is something magical about it.", "It might be closed one day.", "Let us hope that it lasts.",
        "People say that it brings luck.", "To my mind it is too dark.", "Would you have thought so?",
    ),
)  # fmt: skip
PARTS = {"train": TRAIN, "valid": VALID}


def generate(seed: int, part: str) -> Iterator[Example]:
    """Yield labelled passages without end. part: "train" or "valid". Raises ValueError for any other part."""
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, not {part!r}")
    return _generate(random.Random(f"{seed}:{part}"), seed, part)


def _generate(rng: random.Random, seed: int, part: str) -> Iterator[Example]:
    words, number = PARTS[part], 0
    while True:
        text, facts = _passage(rng, words)
        yield Example(f"facts-{part}-{seed}-{number:06}", text, {"facts": facts})
        number += 1


def _passage(rng: random.Random, words: Words) -> tuple[str, list[str]]:
    """Sentences with a fact and sentences without one, mixed; the first fact names what all of it is about."""
    town = rng.choice(words.starts) + rng.choice(words.ends)
    kind = rng.choice(words.kinds)
    stated = rng.sample(words.stated, rng.choice((0, 1, 2, 3, 3, 4, 5)))
    plain = rng.sample(words.other, rng.choice((1, 1, 2, 3)))
    shuffled = [True] * len(stated) + [False] * len(plain)
    rng.shuffle(shuffled)
    sentences: list[str] = []
    facts: list[str] = []
    for is_fact in shuffled:
        if not is_fact:
            sentences.append(plain.pop())
            continue
        fact = stated.pop().format(
            It=rng.choice(("It", f"The {kind}")) if facts else f"The {kind} of {town}",
            year=rng.randint(1780, 2024), n=rng.randint(12, 940), few=rng.randint(2, 11), town=town,
            who=rng.choice(words.people), what=rng.choice(words.materials),
        )  # fmt: skip
        around = rng.choice(words.wrapped)
        if not around.startswith("{fact}"):  # inside a sentence it begins with a small letter, but for names
            fact = fact if fact.startswith(words.people) else fact[0].lower() + fact[1:]
        facts.append(fact)
        sentences.append(around.format(fact=fact))
    return rng.choice((" ", " ", "\n")).join(sentences), facts[:MOST]
