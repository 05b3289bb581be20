"""Synthetic company news for the task: an endless, deterministic stream of documents with their records.

"train" and "valid" share the relations, but no name, no place and no wording. A triple is what the text states as so:
what is denied, planned or only rumoured is none. A name stands in the triple as it stands in the text.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from boardwright.schemas.examples import Example, stream
from boardwright.schemas.names import coined, joined, one_of, person, town

MOST, LONGEST = 5, 36
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
    """What one part writes with. person, firm, town: make a name each.  said: relation → sentences with {s} and {o}.
    denied: sentences that state none."""

    person: Callable[[random.Random], str]
    firm: Callable[[random.Random], str]
    town: Callable[[random.Random], str]
    products: tuple[str, ...]
    said: dict[str, tuple[str, ...]]
    denied: tuple[str, ...]
    other: tuple[str, ...]


def _firm(rng: random.Random) -> str:
    """A firm, its form often left out."""
    return coined(rng) + rng.choice(("", "", "", " GmbH", " Ltd", " AB", " Group", " & Co", " AG", " Tools", " Foods"))


TRAIN = Words(
    person=person,
    firm=_firm,
    town=town,
    products=(
        "heat pumps", "door locks", "ball bearings", "printed labels", "water filters", "bicycle frames", "lenses",
        "frozen pizza", "shoes", "garden tools", "brake discs", "hearing aids", "wooden toys", "paint", "solar panels",
        "medical gloves", "cheese", "lifts", "tractors", "cardboard boxes", "batteries", "violins", "steel pipes",
    ),
    said={
        "founded": (
            "{s} founded {o}.", "{o} was founded by {s}.", "It was {s} who set up {o}.", "{s} set up {o} in {year}.",
            "{s} called {o} into being.", "The founder of {o} is {s}.", "In {year} {s} opened a workshop named {o}.",
            "{o} was the idea of {s}, who founded it with borrowed money.",
        ),
        "works_for": (
            "{s} works for {o}.", "{s} is an engineer at {o}.", "{o} has hired {s}.", "{s} has joined {o}.",
            "At {o}, {s} keeps the books.", "{o} pays {s} as an adviser.", "Since {year} {s} has been with {o}.",
            "{s} sells for {o}.", "One of the designers of {o} is {s}.",
        ),
        "leads": (
            "{s} leads {o}.", "{o} is run by {s}.", "{s} is the head of {o}.",
            "{s} has been in charge of {o} since {year}.", "{o} has a new director, {s}.",
            "The chief executive of {o} is {s}.", "{s} manages {o}.", "{o} named {s} its president.",
        ),
        "based_in": (
            "{s} is based in {o}.", "The seat of {s} is in {o}.", "{s}, with its offices in {o}, is growing.",
            "{s} has its head office in {o}.", "From {o}, {s} serves all of Europe.", "{s} moved to {o} in {year}.",
            "The headquarters of {s} are in {o}.", "{s} sits in {o}.",
        ),
        "owns": (
            "{s} owns {o}.", "{o} belongs to {s}.", "{s} has bought {o}.", "{s} took over {o} in {year}.",
            "{o} is a daughter of {s}.", "{o} was sold to {s}.", "All of {o} is in the hands of {s}.",
            "{s} is the owner of {o}.",
        ),
        "makes": (
            "{s} makes {o}.", "{s} is known for its {o}.", "The {o} of {s} sell well.", "{s} builds {o}.",
            "{s} turns out {o} by the thousand.", "In the halls of {s} there are only {o}.",
            "{s} has made {o} since {year}.", "Most of the {o} here are by {s}.",
        ),
        "supplies": (
            "{s} supplies {o}.", "{o} is a customer of {s}.", "{o} buys its parts from {s}.", "{s} sells to {o}.",
            "{o} orders from {s}.", "{o} gets its goods from {s}.", "{s} has {o} among its customers.",
            "Since {year} {o} has been supplied by none but {s}.",
        ),
        "born_in": (
            "{s} was born in {o}.", "{s} is a native of {o}.", "{o} is where {s} was born.", "{s} comes from {o}.",
            "{s}, born in {o}, is {age}.", "The birthplace of {s} is {o}.", "In {year} {s} was born in {o}.",
        ),
    },
    denied=(
        "{firm} denies that it was sold to {firm2}.", "{person} may one day work for {firm}.",
        "Rumours of a move to {town} were wrong.", "{person} has nothing to do with {firm}.",
        "{firm} had hoped to buy {firm2}, in vain.", "{firm} does not supply {firm2}.",
        "{person} was not born in {town}.", "It is not true that {person} leads {firm}.",
        "{firm} plans to open an office in {town}.", "{person} declined a post at {firm}.",
        "{firm} would like to sell to {firm2}.", "Who owns {firm} is not known.", "{firm} stopped talking to {firm2}.",
        "{person} met {person2} in {town}.", "{firm} and {firm2} are rivals.",
        "Some expect {person} to leave for {town}.", "{firm} has no plant in {town}.",
    ),
    other=(
        "Shares rose a little.", "No figures were given.", "The year was a good one.", "The press was not invited.",
        "There was cake for all.", "The bank raised its forecast.", "Sales grew by {age} per cent.",
        "It rained all day.", "Nobody wanted to comment.", "The fair lasts until Sunday.",
        "The strike ended in {year}.", "Prices are stable.", "The weather helped.", "A new law comes in {year}.",
    ),
)  # fmt: skip
_FIRMS = "Quenera Loftwin Zabrano Hirundo Gelmer Cavasta".split()
VALID = Words(
    person=joined("Nadia Oskar Leyla Simon Bruna Kasper Dana", "Vasquez Holm Berger Nakamura Silva Winter Popescu"),
    firm=lambda rng: rng.choice(_FIRMS) + rng.choice(("", " SA", " Inc", " Oy")),
    town=one_of(*"Nantes Linz Braga York Uppsala Ostrava".split()),
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
    return stream("triples", PARTS, _news, seed, part)


def _news(rng: random.Random, words: Words) -> tuple[str, dict[str, Any]]:
    """Sentences over few names, so that they come again in other roles."""
    names = {
        "person": _two(rng, words.person),
        "firm": _two(rng, words.firm),
        "town": _two(rng, words.town),
        "product": rng.sample(words.products, 1),
    }
    sentences, triples = [], []
    for relation in rng.sample(list(SIDES), rng.choice((0, 1, 2, 3, 3, 4, MOST))):
        left, right = SIDES[relation]
        subject = rng.choice(names[left])
        other = rng.choice([name for name in names[right] if name != subject])
        said = rng.choice(words.said[relation])
        sentences.append(said.format(s=subject, o=other, year=rng.randint(1950, 2026), age=rng.randint(22, 89)))
        triples.append({"subject": subject, "relation": relation, "object": other})
    for loose in (words.denied, words.other):
        if rng.random() < 0.5 or not sentences:
            (firm, firm2), (person, person2), town = names["firm"], names["person"], names["town"][0]
            filled = rng.choice(loose).format(
                firm=firm, firm2=firm2, person=person, person2=person2, town=town,
                year=rng.randint(1950, 2026), age=rng.randint(22, 89),
            )  # fmt: skip
            sentences.insert(rng.randint(0, len(sentences)), filled)
    return rng.choice((" ", " ", "\n")).join(sentences), {"triples": triples}


def _two(rng: random.Random, maker: Callable[[random.Random], str]) -> list[str]:
    """Two names that the record can hold, which begin with different words."""
    names: dict[str, str] = {}
    while len(names) < 2:
        name = maker(rng)
        if len(name) <= LONGEST:
            names[name.split()[0]] = name
    return list(names.values())
