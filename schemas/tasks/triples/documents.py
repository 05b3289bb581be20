"""Synthetic company news for the task: an endless, deterministic stream of documents with their records.

"train" and "valid" share the relations, but no name, no place and no wording. A triple is what the text states as so:
what is denied, planned or only rumoured is none. A name stands in the triple as it stands in the text.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from boardwright.schemas.examples import Example

MOST = 5
# What stands on either side of a relation.
SIDES = {
    "founded": ("person", "firm"),
    "works_for": ("person", "firm"),
    "leads": ("person", "firm"),
    "based_in": ("firm", "town"),
    "owns": ("firm", "firm"),
    "makes": ("firm", "product"),
    "supplies": ("firm", "firm"),
    "born_in": ("person", "town"),
}


@dataclass(frozen=True)
class Words:
    """What one part writes with. said: relation → sentences with {s} and {o}.  denied: sentences that state none."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    firms: tuple[str, ...]
    forms: tuple[str, ...]
    towns: tuple[str, ...]
    products: tuple[str, ...]
    said: dict[str, tuple[str, ...]]
    denied: tuple[str, ...]
    other: tuple[str, ...]


TRAIN = Words(
    first=tuple("Mira Jonas Aisha Pavel Lucia Tomas Ingrid Kofi Yara Emil Noor Felix Greta Hugo".split()),
    last=tuple("Solberg Okafor Novak Lindqvist Haddad Moretti Jansen Kowalski Petrov Duarte Keller".split()),
    firms=tuple("Rhogen Talvex Ormida Kestrelon Banvoro Mirelta Dunaro Polvik Sarenta Vantiko Elmoro".split()),
    forms=("", "", " GmbH", " Ltd", " AB", " Group", " & Co"),
    towns=tuple("Lyon Graz Porto Leeds Turku Ghent Brno Bilbao Essen Cork Parma Lublin".split()),
    products=("heat pumps", "door locks", "ball bearings", "printed labels", "water filters", "bicycle frames"),
    said={
        "founded": ("{s} founded {o}.", "{o} was founded by {s}.", "It was {s} who set up {o}."),
        "works_for": ("{s} works for {o}.", "{s} is an engineer at {o}.", "{o} has hired {s}."),
        "leads": ("{s} leads {o}.", "{o} is run by {s}.", "{s} is the head of {o}."),
        "based_in": ("{s} is based in {o}.", "The seat of {s} is in {o}.", "{s}, with its offices in {o}, is growing."),
        "owns": ("{s} owns {o}.", "{o} belongs to {s}.", "{s} has bought {o}."),
        "makes": ("{s} makes {o}.", "{s} is known for its {o}.", "The {o} of {s} sell well."),
        "supplies": ("{s} supplies {o}.", "{o} is a customer of {s}.", "{o} buys its parts from {s}."),
        "born_in": ("{s} was born in {o}.", "{s} is a native of {o}.", "{o} is where {s} was born."),
    },
    denied=(
        "{firm} denies that it was sold to {firm2}.", "{person} may one day work for {firm}.",
        "Rumours of a move to {town} were wrong.",
        "{person} has nothing to do with {firm}.", "{firm} had hoped to buy {firm2}, in vain.",
    ),
    other=("Shares rose a little.", "No figures were given.", "The year was a good one.", "The press was not invited."),
)  # fmt: skip
VALID = Words(
    first=tuple("Nadia Oskar Leyla Simon Bruna Kasper Dana".split()),
    last=tuple("Vasquez Holm Berger Nakamura Silva Winter Popescu".split()),
    firms=tuple("Quenera Loftwin Zabrano Hirundo Gelmer Cavasta".split()),
    forms=("", " SA", " Inc", " Oy"),
    towns=tuple("Nantes Linz Braga York Uppsala Ostrava".split()),
    products=("glass fibres", "office chairs", "air valves", "tea tins"),
    said={
        "founded": ("{s} started {o}.", "{o} goes back to its founder {s}."),
        "works_for": ("{s} has a post at {o}.", "{s} is employed by {o}."),
        "leads": ("{s} is at the head of {o}.", "{o} is led by {s}."),
        "based_in": ("{s} has its seat in {o}.", "{o} is the home of {s}."),
        "owns": ("{o} is owned by {s}.", "{s} holds all shares of {o}."),
        "makes": ("{s} produces {o}.", "{o} come from the works of {s}."),
        "supplies": ("{s} delivers to {o}.", "{o} is supplied by {s}."),
        "born_in": ("{s} came into the world in {o}.", "{s} was born and bred in {o}."),
    },
    denied=("{person} never worked for {firm}.", "{firm} will not buy {firm2}.", "Nobody expects {firm} in {town}."),
    other=("More will be told in spring.", "The market took no notice.", "So much for today."),
)
PARTS = {"train": TRAIN, "valid": VALID}


def generate(seed: int, part: str) -> Iterator[Example]:
    """Yield labelled news without end. part: "train" or "valid". Raises ValueError for any other part."""
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, not {part!r}")
    return _generate(random.Random(f"{seed}:{part}"), seed, part)


def _generate(rng: random.Random, seed: int, part: str) -> Iterator[Example]:
    words, number = PARTS[part], 0
    while True:
        text, triples = _news(rng, words)
        yield Example(f"triples-{part}-{seed}-{number:06}", text, {"triples": triples})
        number += 1


def _news(rng: random.Random, words: Words) -> tuple[str, list[dict[str, str]]]:
    """Sentences over few names, so that they come again in other roles."""
    names = {
        "person": [f"{rng.choice(words.first)} {last}" for last in rng.sample(words.last, 2)],
        "firm": [firm + rng.choice(words.forms) for firm in rng.sample(words.firms, 2)],
        "town": rng.sample(words.towns, 2),
        "product": rng.sample(words.products, 1),
    }
    sentences, triples = [], []
    for relation in rng.sample(list(SIDES), rng.choice((0, 1, 2, 3, 3, 4, MOST))):
        left, right = SIDES[relation]
        subject = rng.choice(names[left])
        other = rng.choice([name for name in names[right] if name != subject])
        sentences.append(rng.choice(words.said[relation]).format(s=subject, o=other))
        triples.append({"subject": subject, "relation": relation, "object": other})
    for loose in (words.denied, words.other):
        if rng.random() < 0.4 or not sentences:
            (firm, firm2), person, town = names["firm"], names["person"][0], names["town"][0]
            filled = rng.choice(loose).format(firm=firm, firm2=firm2, person=person, town=town)
            sentences.insert(rng.randint(0, len(sentences)), filled)
    return " ".join(sentences), triples
