"""Synthetic messages for the task: an endless, deterministic stream of documents with their records.

"train" and "valid" share what a message can be about, but no name, no mail host and no wording: what is scored is
reading, not recall. Three rules keep it fair, in your own generator too:

- Each value of the record can be read from the text alone; what the text does not say is null.
- The same seed and part give the same documents.
- There are many more documents than a training draws.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from boardwright.schemas.examples import Example, stream

MIN_CHARS, MAX_CHARS = 120, 270
PRODUCTS = ("camera", "router", "thermostat", "door lock", "smoke detector", "doorbell")
PLURALS = {product: product + "s" for product in PRODUCTS}
NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
MONTHS = "January February March April May June July August September October November December".split()


@dataclass(frozen=True)
class Words:
    """What one part writes with. The keys of faults and questions are what the record's summary says."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    hosts: tuple[str, ...]
    openings: tuple[str, ...]
    signatures: tuple[str, ...]
    faults: dict[str, tuple[str, ...]]
    refunds: tuple[str, ...]
    questions: dict[str, tuple[str, ...]]
    since: tuple[str, ...]
    codes: tuple[str, ...]
    urgent: tuple[str, ...]
    calm: tuple[str, ...]


TRAIN = Words(
    first=tuple(
        "Mira Jonas Aisha Pavel Lucia Tomas Ingrid Kofi Yara Emil Noor Felix Greta Hugo Salma Viktor Clara Omar Lena "
        "Marco Ines Anton Freya Bilal Petra Rafael Sofie Dario Hanna Milan".split()
    ),
    last=tuple(
        "Solberg Okafor Novak Lindqvist Haddad Moretti Jansen Kowalski Petrov Duarte Keller Aziz Brandt Costa Dubois "
        "Eriksen Farkas Gruber Horvat Ibrahim Kaya Larsen Meyer Nilsson Ortega Pereira Rossi Schmid Toth Weber".split()
    ),
    hosts=("fjordnet.example", "postbox.example", "kontor.example", "mailhaus.example", "bluepine.example"),
    openings=("Hello,", "Hi there,", "Good morning,", "Dear support team,", "Hello support,"),
    signatures=("Regards, {who}", "Best wishes, {who}", "Thanks, {who}", "{who}", "Kind regards\n{who}"),
    faults={
        "loses connection": ("keeps losing the connection", "drops off the network every hour"),
        "does not start": ("does not start any more", "stays dark when I plug it in"),
        "drains battery": ("empties its battery within a day", "needs a new battery every week"),
        "makes noise": ("makes a loud buzzing noise", "hums all night"),
        "update fails": ("stops in the middle of the update", "says that the update failed"),
        "display broken": ("has a cracked display", "shows nothing but stripes on its display"),
    },
    refunds=(
        "Please send back the {amount} that I paid for the {product}.",
        "I returned the {product} and want my {amount} back.",
        "You charged me {amount} twice for one {product}, please return it.",
    ),
    questions={
        "warranty": ("How long is the warranty of the {product}?", "Is the {product} still under warranty?"),
        "delivery": ("When will the {product} that I ordered arrive?", "Has my {product} been shipped yet?"),
        "setup": ("How do I set up the {product} with my phone?", "How do I connect the {product} to my phone?"),
        "spare parts": ("Where can I buy spare parts for the {product}?", "Do you sell a new cover for the {product}?"),
    },
    since=("since {date}", "and it began on {date}", "ever since {date}"),
    codes=("The screen says {codes}.", "It shows error {codes}.", "The log has {codes}."),
    urgent=("This is urgent.", "Please hurry, we cannot work like this.", "I need an answer today."),
    calm=("There is no hurry.", "Thank you for your help.", "I am looking forward to your answer."),
)
VALID = Words(
    first=tuple("Nadia Oskar Leyla Simon Bruna Kasper Dana Elias Maja Stefan Amira Ruben Thea Ivan Judith".split()),
    last=tuple(
        "Vasquez Holm Berger Nakamura Silva Winter Popescu Laurent Ahmadi Falk Marino Stein Vogel Reyes Dahl".split()
    ),
    hosts=("northmail.example", "briefe.example", "silverlake.example"),
    openings=("Good day,", "Dear team,", "Hi,"),
    signatures=("Greetings, {who}", "Many thanks, {who}", "Yours, {who}"),
    faults={
        "loses connection": ("goes offline again and again",),
        "does not start": ("no longer switches on",),
        "drains battery": ("uses up its battery far too fast",),
        "makes noise": ("gives off a strange whistling noise",),
        "update fails": ("cannot finish its update",),
        "display broken": ("has a broken display",),
    },
    refunds=(
        "Kindly refund the {amount} for the {product} that I sent back.",
        "I would like to have {amount} refunded for my {product}.",
    ),
    questions={
        "warranty": ("Does the warranty of the {product} cover water damage?",),
        "delivery": ("On which day will you deliver the {product}?",),
        "setup": ("Which steps are needed to set up the {product}?",),
        "spare parts": ("Can I order single spare parts for the {product}?",),
    },
    since=("from {date} on", "starting on {date}"),
    codes=("The error code is {codes}.", "I can read {codes} on it."),
    urgent=("We need help right now.", "It is very urgent, please call me."),
    calm=("Take your time.", "Many thanks in advance."),
)
PARTS = {"train": TRAIN, "valid": VALID}


def generate(seed: int, part: str) -> Iterator[Example]:
    """Yield labelled messages without end. part: "train" or "valid". Raises ValueError for any other part."""
    return stream("task-name", PARTS, _message, seed, part)


def _message(rng: random.Random, words: Words) -> tuple[str, dict[str, Any]] | None:
    """A message and its record; None for one that is too short or too long."""
    first, last = rng.choice(words.first), rng.choice(words.last)
    name = rng.choice((f"{first} {last}", f"{first} {last}", first))
    email = f"{first}.{last}@{rng.choice(words.hosts)}".lower() if rng.random() < 0.6 else None
    product = rng.choice(PRODUCTS)
    record: dict[str, Any] = {
        "sender": {"name": name, "email": email},
        "kind": rng.choice(("fault", "fault", "refund", "question")),
        "summary": "",
        "urgent": rng.random() < 0.4,
        "devices": None,
        "since": None,
        "amount": None,
        "codes": [],
    }
    about = {"fault": _fault, "refund": _refund, "question": _question}[record["kind"]](rng, words, product, record)
    tone = rng.choice(words.urgent) if record["urgent"] else rng.choice(("", rng.choice(words.calm)))
    who = rng.choice(words.signatures).format(who=name if email is None else f"{name}, {email}")
    sentences = [rng.choice(words.openings), *about, tone]
    text = " ".join(part for part in sentences if part) + "\n" + who
    return (text, record) if MIN_CHARS <= len(text) <= MAX_CHARS else None


def _fault(rng: random.Random, words: Words, product: str, record: dict[str, Any]) -> list[str]:
    summary = rng.choice(list(words.faults))
    record["summary"] = f"{product} {summary}"
    subject = f"My {product}"
    if rng.random() < 0.4:
        record["devices"] = count = rng.randint(2, 30)
        spelled = NUMBERS[count - 2] if count - 2 < len(NUMBERS) and rng.random() < 0.5 else str(count)
        subject = f"One of our {spelled} {PLURALS[product]}"
    began = ""
    if rng.random() < 0.6:
        day, written = _day(rng)
        record["since"] = day.isoformat()
        began = " " + rng.choice(words.since).format(date=written)
    sentences = [f"{subject} {rng.choice(words.faults[summary])}{began}."]
    if rng.random() < 0.6:
        record["codes"] = codes = rng.sample([f"E{number}" for number in range(10, 1000)], rng.choice((1, 1, 2)))
        sentences.append(rng.choice(words.codes).format(codes=" and ".join(codes)))
    return sentences


def _refund(rng: random.Random, words: Words, product: str, record: dict[str, Any]) -> list[str]:
    record["summary"] = f"money back for {product}"
    cents = rng.randint(500, 250_000)
    record["amount"] = f"{cents // 100}.{cents % 100:02}"
    grouped = f"{cents // 100:,}.{cents % 100:02}"
    amount = rng.choice((f"{record['amount']} euros", f"EUR {grouped}", f"€{grouped}"))
    ordered = ""
    if rng.random() < 0.5:
        day, written = _day(rng)
        record["since"] = day.isoformat()
        ordered = f"I have been waiting since {written}."
    return [rng.choice(words.refunds).format(amount=amount, product=product), ordered]


def _question(rng: random.Random, words: Words, product: str, record: dict[str, Any]) -> list[str]:
    subject = rng.choice(list(words.questions))
    record["summary"] = f"{subject} of {product}"
    sentences = [rng.choice(words.questions[subject]).format(product=product)]
    if rng.random() < 0.5:
        record["devices"] = count = rng.randint(2, 30)
        sentences.append(f"We use {count} {PLURALS[product]}.")
    return sentences


def _day(rng: random.Random) -> tuple[datetime.date, str]:
    """A day, and one of the ways to write it. The month of 03.04. and the like is always the second number."""
    day = datetime.date(2024, 1, 1) + datetime.timedelta(rng.randrange(1_400))
    month = MONTHS[day.month - 1]
    written = rng.choice(
        (
            day.isoformat(),
            f"{day.day} {month} {day.year}",
            f"{month} {day.day}, {day.year}",
            f"{day.day:02}.{day.month:02}.{day.year}",
        )
    )
    return day, written
