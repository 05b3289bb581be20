"""Synthetic passages for the task: an endless, deterministic stream of documents with their records.

"train" and "valid" share what can be stated, but no name, no wording and no opinion. What counts as a fact: a clause
that can be checked, in the words of the passage, without the full stop, and without what hedges or praises around it.
A clause that somebody only hopes, plans or has heard is none.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from boardwright.schemas.examples import Example, stream
from boardwright.schemas.names import one_of, person, town

MOST = 6


@dataclass(frozen=True)
class Words:
    """What one part writes with. stated: clauses that are facts.  wrapped: sentences around one.  other: none in it.
    person, town: make a name each."""

    person: Callable[[random.Random], str]
    town: Callable[[random.Random], str]
    kinds: tuple[str, ...]
    materials: tuple[str, ...]
    stated: tuple[str, ...]
    wrapped: tuple[str, ...]
    other: tuple[str, ...]


TRAIN = Words(
    person=person,
    town=town,
    kinds=(
        "bridge", "library", "water mill", "lighthouse", "observatory", "railway station", "reservoir", "tower clock",
        "brewery", "castle", "museum", "swimming pool", "fire station", "market hall", "harbour", "chapel", "school",
        "power station", "botanical garden", "viaduct", "tunnel", "hospital", "stadium", "abbey", "city wall", "dam",
    ),
    materials=(
        "granite", "oak", "red brick", "cast iron", "concrete", "slate", "marble", "glass", "pine", "yellow brick",
        "basalt", "wrought iron", "larch", "clay", "aluminium",
    ),
    stated=(
        "{It} was opened in {year}", "{It} was designed by {who}", "{It} is built of {what}",
        "{It} is {n} metres long", "{It} stands {n} metres above the valley", "{It} has {few} floors",
        "{It} belongs to the town of {town}", "{It} was rebuilt after the fire of {year}",
        "{who} has run the place since {year}", "{n} people work there", "The roof was replaced in {year}",
        "{It} cost {n} million to build", "The nearest road is {few} kilometres away",
        "{It} lies in the north of {town}", "{It} dates from {year}", "{It} closed between {year} and {year2}",
        "{who} drew the plans in {year}", "The stairs have {n} steps", "{It} is lit by {n} lamps", "Entry is free",
        "{It} opens at {few} in the morning", "A ticket costs {few} euros", "{It} was sold to {who} in {year}",
        "The walls are made of {what}", "{n} people came to the opening", "{who} laid the first stone in {year}",
        "{It} is closed in winter", "A storm damaged {it} in {year}", "Guides lead {few} tours a day",
        "The floor was laid with {what} in {year}", "{It} has been a listed building since {year}",
        "{It} can be reached by bus number {n}", "{few} of its towers are left", "{It} covers {n} square metres",
        "{who} and {who2} paid for the repair", "{It} weighs {n} tons", "Trains stop there every {few} hours",
        "{It} replaced a hut made of {what}", "The town bought it from {who}", "{It} is older than the church",
        "{It} stood empty for {few} years", "The cellar holds {n} barrels", "{It} is shown on the arms of {town}",
    ),
    wrapped=(
        "{fact}.", "{fact}.", "{fact}.", "{fact}.", "{fact}, and one can only marvel at it.",
        "As the sign at the gate says, {fact}.", "{fact}; what a sight!", "Few visitors notice it, but {fact}.",
        "{fact}, which surprised all of us.", "The leaflet tells us that {fact}.", "{fact} - quite something.",
        "By the way, {fact}.", "{fact}, as everybody here knows.", "It is a matter of record that {fact}.",
        "{fact} (we looked it up).", "What is more, {fact}.", "{fact}, sad to say.", "In the archive we read: {fact}.",
        "{fact}, so take your time.", "{fact}, a pity.", "Of course {fact}.", "{fact}... amazing.",
    ),
    other=(
        "It is simply breathtaking.", "Some say it is haunted.", "We hope to come back next summer.",
        "Nobody should miss it.", "It may one day become a museum.", "I heard that it could be sold soon.",
        "The view is the finest in the country.", "Perhaps the council will paint it blue.",
        "Is there a better place for a picnic?", "It feels older than it is.", "They talk of adding a café.",
        "My aunt believes a king once slept here.", "What more could one ask for?", "Bring the children!",
        "I would not want to live there.", "A second floor is planned for {year}.",
        "It looks best in the evening sun.", "{who} is said to have hated it.", "One day it might reach {n} metres.",
        "Who knows what it will cost?", "They say {who} is buried under it.",
        "In my opinion it deserves a better road.", "It could do with some paint.", "The mayor wants to close it.",
        "Rumour has it that {what} lies below.", "Do not forget your camera.",
        "There should be more places like this.", "It was love at first sight.", "If money comes in, it will grow.",
        "Some guess that it is from {year}.", "{who} would like to buy it.", "How lovely it is in spring!",
        "The garden is too small for my taste.", "It would be a shame to lose it.", "I wonder who cleans the windows.",
    ),
)  # fmt: skip
VALID = Words(
    person=one_of("Nadia Vasquez", "Oskar Holm", "Leyla Ahmadi", "Simon Falk"),
    town=one_of("Wenhausen", "Arnbury", "Oberminster", "Quinvik", "Zelbury", "Pernhausen", "Arnminster", "Wenvik"),
    kinds=("town hall", "windmill", "aqueduct", "cable car", "theatre"),
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
    return stream("facts", PARTS, _passage, seed, part)


def _passage(rng: random.Random, words: Words) -> tuple[str, dict[str, Any]]:
    """Sentences with a fact and sentences without one, mixed; the first fact names what all of it is about."""
    here, kind = words.town(rng), rng.choice(words.kinds)
    sentences = [(said, True) for said in rng.sample(words.stated, rng.choice((0, 1, 2, 3, 3, 4, 5)))]
    sentences += [(said, False) for said in rng.sample(words.other, rng.choice((1, 1, 2, 3)))]
    rng.shuffle(sentences)
    written: list[str] = []
    facts: list[str] = []
    for said, is_fact in sentences:
        it = rng.choice(("it", f"the {kind}")) if facts else f"the {kind} of {here}"
        values = {
            "It": it[0].upper() + it[1:], "it": it, "town": here, "year": rng.randint(1780, 2003),
            "year2": rng.randint(2004, 2024), "n": rng.randint(12, 940), "few": rng.randint(2, 11),
            "who": words.person(rng), "who2": words.person(rng), "what": rng.choice(words.materials),
        }  # fmt: skip
        clause = said.format(**values)
        if not is_fact:
            written.append(clause)
            continue
        around = rng.choice(words.wrapped)
        if not around.startswith("{fact}") and not said.startswith("{who}"):  # a name keeps its capital
            clause = clause[0].lower() + clause[1:]
        facts.append(clause)
        written.append(around.format(fact=clause))
    return rng.choice((" ", " ", "\n")).join(written), {"facts": facts[:MOST]}
