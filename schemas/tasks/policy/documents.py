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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from boardwright.schemas.examples import Example, stream
from boardwright.schemas.names import last_name, one_of, town

LIMITS = {"meal": 40, "night": 160, "taxi": 60, "train": 250}
ORDER = ("private", "no_receipt", "too_late", "alcohol", "pre_approved", "over_limit")
ALLOWED = {"pre_approved", "within_policy"}
DAYS = 90


@dataclass(frozen=True)
class Words:
    """What one part writes with. who, place: make a name each.  {who}, {place}, {amount} and {days} are filled in."""

    who: Callable[[random.Random], str]
    place: Callable[[random.Random], str]
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
    who=last_name,
    place=town,
    things={
        "meal": (
            "lunch in {place}", "dinner at a restaurant in {place}", "breakfast near the station of {place}",
            "a meal for myself in {place}", "a pizza in {place}", "food at the airport of {place}", "brunch in {place}",
            "a three-course menu in {place}",
        ),
        "night": (
            "one night in a hotel in {place}", "a room in {place} for one night", "a hotel night in {place}",
            "sleeping at the station hotel in {place}", "bed and breakfast in {place}, one night",
            "one night at a guest house in {place}",
        ),
        "taxi": (
            "a taxi in {place}", "a cab from the airport to {place}", "the taxi to the customer in {place}",
            "a taxi at night through {place}", "a cab to the station of {place}", "a ride by cab in {place}",
        ),
        "train": (
            "a train ticket to {place}", "the rail fare to {place} and back", "the train from {place}",
            "a seat on the night train to {place}", "the express to {place}", "a railway ticket, {place} and back",
        ),
    },
    work=(
        "Met a client there.", "It was for the trade fair.", "On the way to the plant.", "Training with the team.", "",
        "We installed the new line.", "It was part of the project.", "I gave a talk there.",
        "The customer had asked for me.", "Interviews with applicants.", "A workshop with our partners.",
        "I repaired the machine there.", "I looked at a new supplier's plant.", "It was about our annual report.",
        "A week of inspections.", "My boss sent me.", "The board met there.", "We presented our figures.",
        "A congress of our trade.", "The reason was a visit of the auditors.", "The reason: a seminar for beginners.",
    ),
    private=(
        "It was on my holiday.", "My family came along, I was off work.", "A birthday present for my sister.",
        "I was there over the weekend to see friends.", "This was for my own flat.", "I went there for a wedding.",
        "I had taken the day off.", "It fell into my parental leave.", "A private matter.", "A present for my nephews.",
        "My daughter wanted to see the sea.", "That was on my day off.", "I was on vacation at the time.",
        "A surprise for my husband.", "It was a family affair.", "Nothing official, I was on a hike.",
        "I had leave that week.", "During my annual leave.", "A treat for my parents.", "An outing with friends.",
        "My wife and I celebrated our anniversary.", "It had nothing to do with work.", "A trip with my football club.",
        "I spent a free day there.", "It was for my son's school trip.", "I visited my parents.",
    ),
    receipt=(
        "Receipt attached.", "See the enclosed receipt.", "The bill is in the appendix.", "Receipt: see photo.",
        "I have added the receipt.", "The receipt comes with this mail.", "Bill attached.", "Here is the receipt.",
        "The bill is on the next page.", "I send the receipt along.", "Enclosed: the bill.", "A scan of it follows.",
    ),
    no_receipt=(
        "I lost the receipt.", "There is no receipt.", "The driver gave me no bill.",
        "Receipt not to be found any more.", "I forgot to ask for a receipt.", "The receipt was thrown away.",
        "No bill was handed out.", "The receipt fell into the water and is gone.", "I can't show a receipt.",
        "They did not print a receipt.", "Sadly the bill is missing.", "I am without a receipt for this.",
        "My receipt got stolen.", "The receipt has disappeared.",
    ),
    age=(
        "{days} days ago", "It dates back {days} days.", "That was {days} days before today.", "Spent {days} days ago.",
        "I paid it {days} days ago.", "Since then {days} days went by.", "It is {days} days old.", "Age: {days} days.",
        "{days} days have gone by.", "This happened {days} days back.", "It took place {days} days ago.",
    ),
    alcohol=(
        "Two glasses of wine included.", "With a beer.", "The bill has a bottle of champagne on it.",
        "And a whisky after.", "One gin and tonic is on it.", "I drank a pint of lager.",
        "A glass of port came with the cheese.", "It includes three cocktails.", "There was sparkling wine.",
        "With a small schnapps.", "I had a red wine.", "Three beers were drunk.", "A bottle of rosé is part of it.",
    ),
    dry=(
        "Water and coffee only.", "No drinks on the bill.", "", "", "With a lemonade.", "An apple juice came with it.",
        "Without any alcohol.", "Tea was free.", "I only had mineral water.",
        "I drank cola.", "There was juice with it.", "A hot chocolate included.",
    ),
    approved=(
        "{who} approved it before the trip.", "Approved in advance by my manager {who}.",
        "My head of department agreed to the price beforehand.", "{who} said yes to the price before I booked.",
        "I had the written approval of {who} before.", "The sum was cleared with {who} in advance.",
        "Before I paid, {who} allowed it.", "Prior approval: {who}.", "{who} had agreed to it ahead of time.",
        "The manager, {who}, gave the go-ahead before I set out.", "{who} signed the request before the journey.",
        "I had permission from {who} before I left.", "It had been authorised by {who} beforehand.",
    ),
    not_approved=(
        "{who} will certainly agree.", "I have not asked anybody.", "", "", "", "{who} has not answered yet.",
        "Approval is still to come.", "There was no time to ask {who}.", "{who} only heard of it later.",
        "I asked {who} afterwards.", "Nobody has approved it.", "No one knew of it.", "I did not ask before.",
        "{who} was not asked.", "I hope that is all right with {who}.", "Without permission.",
        "I trust {who} has no objection.",
    ),
)  # fmt: skip
VALID = Words(
    who=one_of(*"Vasquez Holm Berger Nakamura Silva Winter Popescu Laurent".split()),
    place=one_of(*"Nantes Linz Braga York Tampere Bruges Ostrava Uppsala".split()),
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
    return stream("policy", PARTS, _claim, seed, part)


def _claim(rng: random.Random, words: Words) -> tuple[str, dict[str, Any]]:
    """A claim, what it says, and the rule that decides it: each about as often, some claims under several."""
    kind = rng.choice(list(LIMITS))
    private, no_receipt, late = (rng.random() < 0.17 for _ in range(3))
    alcohol = kind == "meal" and rng.random() < 0.38
    approved, over = rng.random() < 0.4, rng.random() < 0.5
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
    text = text.format(who=words.who(rng), place=words.place(rng), days=days)
    record = {
        "days": days,
        "too_late": late,
        "expense": kind,
        "euros": written,
        "over_limit": over,
        "private": private,
        "no_receipt": no_receipt,
        "alcohol": alcohol,
        "pre_approved": approved,
    }
    rule = next((name for name in ORDER if record[name]), "within_policy")
    return text, {**record, "rule": rule, "allowed": rule in ALLOWED}
