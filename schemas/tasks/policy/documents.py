"""Synthetic expense claims for the task: an endless, deterministic stream of documents with their records.

"train" and "valid" share the rules, but no wording, no name and no place. The policy, in the order in which it counts:

1. private        what is not for work is refused, whatever else is said of it.
2. no_receipt     so is what has no receipt,
3. too_late       what is older than 90 days,
4. alcohol        and what holds alcohol.
5. pre_approved   What a manager has approved beforehand is paid, at any price.
6. over_limit     Else a meal costs 40 at most, a night 160, a taxi 60, a train 250.
7. within_policy  All the rest is paid.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from boardwright.schemas.examples import Example

LIMITS = {"meal": 40, "night": 160, "taxi": 60, "train": 250}
ALLOWED = {"pre_approved", "within_policy"}
DAYS = 90


@dataclass(frozen=True)
class Words:
    """What one part writes with. {who}, {place}, {amount} and {days} are filled in."""

    who: tuple[str, ...]
    places: tuple[str, ...]
    things: dict[str, tuple[str, ...]]
    work: tuple[str, ...]
    private: tuple[str, ...]
    receipt: tuple[str, ...]
    no_receipt: tuple[str, ...]
    age: tuple[str, ...]
    alcohol: tuple[str, ...]
    dry: tuple[str, ...]
    approved: tuple[str, ...]
    not_approved: tuple[str, ...]


TRAIN = Words(
    who=tuple("Okafor Novak Lindqvist Haddad Moretti Jansen Kowalski Petrov Duarte Keller Aziz Brandt Costa".split()),
    places=tuple("Lyon Graz Porto Leeds Turku Ghent Brno Malmo Bilbao Essen Cork Parma Lublin".split()),
    things={
        "meal": ("lunch in {place}", "dinner at a restaurant in {place}", "breakfast near the station of {place}"),
        "night": ("one night in a hotel in {place}", "a room in {place} for one night"),
        "taxi": ("a taxi in {place}", "a cab from the airport to {place}"),
        "train": ("a train ticket to {place}", "the rail fare to {place} and back"),
    },
    work=(
        "Met a client there.", "It was for the trade fair.", "On the way to the plant.", "Training with the team.",
        "",
    ),
    private=(
        "It was on my holiday.", "My family came along, I was off work.", "A birthday present for my sister.",
        "I was there over the weekend to see friends.", "This was for my own flat.",
    ),
    receipt=("Receipt attached.", "See the enclosed receipt.", "The bill is in the appendix."),
    no_receipt=(
        "I lost the receipt.", "There is no receipt.", "The driver gave me no bill.",
        "Receipt not to be found any more.",
    ),
    age=("{days} days ago", "It dates back {days} days.", "That was {days} days before today."),
    alcohol=("Two glasses of wine included.", "With a beer.", "The bill has a bottle of champagne on it."),
    dry=("Water and coffee only.", "No drinks on the bill.", "", ""),
    approved=(
        "{who} approved it before the trip.", "Approved in advance by my manager {who}.",
        "My head of department agreed to the price beforehand.",
    ),
    not_approved=("{who} will certainly agree.", "I have not asked anybody.", "", "", ""),
)  # fmt: skip
VALID = Words(
    who=tuple("Vasquez Holm Berger Nakamura Silva Winter Popescu Laurent".split()),
    places=tuple("Nantes Linz Braga York Tampere Bruges Ostrava Uppsala".split()),
    things={
        "meal": ("a supper in {place}", "a midday meal in {place}"),
        "night": ("an overnight stay in {place}", "a night at an inn in {place}"),
        "taxi": ("a taxi ride across {place}", "a cab to my hotel in {place}"),
        "train": ("travelling to {place} by train", "my rail ticket to {place}"),
    },
    work=("I visited a supplier.", "The reason was our yearly conference.", "For the audit."),
    private=("I was on leave that day.", "A treat for my children.", "It was a private outing."),
    receipt=("You find the receipt below.", "I enclose the bill."),
    no_receipt=("Unfortunately I have no receipt.", "The receipt went missing."),
    age=("{days} days have passed since.", "It happened {days} days ago."),
    alcohol=("This includes a bottle of red wine.", "I had two beers with it."),
    dry=("I drank tea.", ""),
    approved=("My manager {who} had given permission before I left.", "{who} had signed it off ahead of the journey."),
    not_approved=("Nobody was asked before.", "I hope that {who} does not mind.", ""),
)
PARTS = {"train": TRAIN, "valid": VALID}


def generate(seed: int, part: str) -> Iterator[Example]:
    """Yield labelled claims without end. part: "train" or "valid". Raises ValueError for any other part."""
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, not {part!r}")
    return _generate(random.Random(f"{seed}:{part}"), seed, part)


def _generate(rng: random.Random, seed: int, part: str) -> Iterator[Example]:
    words, number = PARTS[part], 0
    while True:
        text, rule = _claim(rng, words)
        yield Example(f"policy-{part}-{seed}-{number:06}", text, {"rule": rule, "allowed": rule in ALLOWED})
        number += 1


def _claim(rng: random.Random, words: Words) -> tuple[str, str]:
    """A claim, and the rule that decides it: each of the rules about as often, some claims under several."""
    kind = rng.choice(list(LIMITS))
    private, no_receipt, late, alcohol = (rng.random() < 0.17 for _ in range(4))
    alcohol = (alcohol and kind == "meal") or (kind == "meal" and rng.random() < 0.25)
    over, approved = rng.random() < 0.5, rng.random() < 0.4
    limit = LIMITS[kind]
    cents = rng.randint(limit * 100 + 100, limit * 300) if over else rng.randint(limit * 20, limit * 100)
    written = f"{cents / 100:.2f}"
    amount = rng.choice((f"{written} euros", f"EUR {written}", f"€{written}"))
    rest = [
        rng.choice(words.private if private else words.work),
        rng.choice(words.no_receipt if no_receipt else words.receipt),
        rng.choice(words.age),
        rng.choice(words.alcohol if alcohol else words.dry) if kind == "meal" else "",
        rng.choice(words.approved if approved else words.not_approved),
    ]
    rng.shuffle(rest)
    days = rng.randint(DAYS + 1, 300) if late else rng.randint(1, DAYS)
    first = f"{amount} for {rng.choice(words.things[kind])}."
    text = " ".join(piece if piece.endswith(".") else f"{piece}." for piece in (first, *rest) if piece)
    checks = {
        "private": private,
        "no_receipt": no_receipt,
        "too_late": late,
        "alcohol": alcohol,
        "pre_approved": approved,
    }
    rule = next((name for name, holds in checks.items() if holds), "over_limit" if over else "within_policy")
    return text.format(who=rng.choice(words.who), place=rng.choice(words.places), days=days), rule
