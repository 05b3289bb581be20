"""Synthetic messages with planted personal data: an endless, deterministic stream of documents with their records.

"train" and "valid" share the kinds of data, but no name, no street, no mail host and no wording. Numbers of accounts
and cards hold their checksums. What is not personal stays: firms, products, amounts, days that are nobody's birthday.
"""

from __future__ import annotations

import datetime
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from boardwright.schemas.examples import Example

MOST = 8


@dataclass(frozen=True)
class Words:
    """What one part writes with. said: sentences with slots for data.  plain: sentences without any."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    streets: tuple[str, ...]
    towns: tuple[str, ...]
    hosts: tuple[str, ...]
    said: tuple[str, ...]
    plain: tuple[str, ...]
    opened: tuple[str, ...]
    closed: tuple[str, ...]


TRAIN = Words(
    first=tuple(
        "Mira Jonas Aisha Pavel Lucia Tomas Ingrid Kofi Yara Emil Noor Felix Greta Hugo Salma Viktor Clara Omar Lena "
        "Marco Ines Anton Freya Bilal Petra Rafael Sofie Dario Hanna Milan Joan Grace Wei Amir".split()
    ),
    last=tuple(
        "Solberg Okafor Novak Lindqvist Haddad Moretti Jansen Kowalski Petrov Duarte Keller Aziz Brandt Costa Dubois "
        "Eriksen Farkas Gruber Horvat Ibrahim Kaya Larsen Meyer Nilsson Ortega O'Brien Smith-Jones Wang".split()
    ),
    streets=(
        "Lindenweg {n}", "{n} Mill Lane", "Rue du Port {n}", "Hauptstr. {n}a", "{n} Station Road, Flat 3",
        "Via Roma {n}",
    ),
    towns=("50667 Köln", "Leeds LS1 4DY", "69002 Lyon", "8020 Graz", "Cork", "20121 Milano"),
    hosts=("fjordnet.example", "postbox.example", "kontor.example", "bluepine.example"),
    said=(
        "You can reach me at {phone}.", "Write to {email} or call {phone}.", "Name: {name}", "My address is {address}.",
        "I was born on {birthdate}.", "Date of birth: {birthdate}", "Please send the money to {account}.",
        "IBAN: {account}",
        "My card is {card}.", "Paid with {card} on 3 May.", "My customer number is {id}.", "Passport no. {id}",
        "Tel.: {phone}",
        "Deliver it to {name}, {address}.", "{name} will pick it up.", "Ask {name} ({email}).",
        "My neighbour {name} saw it.",
        "Patient {name}, born {birthdate}, id {id}.", "{name} <{email}> wrote:", "Contact: {name}, {phone}",
        "Mail: {email}",
    ),
    plain=(
        "The parcel has not arrived since 12 March 2026.", "I ordered two boilers of Rhogen GmbH for 249.90 euros.",
        "The error is E-4471 on firmware 2.14.3.", "The shop in Main Street opens at 9:30.", "Please hurry.",
        "Thank you for your help last week.", "It rains a lot in Hamburg.", "Order 2280521 is still open.",
        "The museum closed in 1998.", "Version 10.2.0 was fine.",
    ),
    opened=("Hello,", "Dear support team,", "Hi there,", "Good morning,", ""),
    closed=("Regards, {name}", "{name}", "Thanks!\n{name}\n{phone}", "Best, {name}\n{address}", "", ""),
)  # fmt: skip
VALID = Words(
    first=tuple("Nadia Oskar Leyla Simon Bruna Kasper Dana Elias Maja Stefan Amira Ruben Thea Ivan Judith".split()),
    last=tuple("Vasquez Holm Berger Nakamura Silva Winter Popescu Laurent Ahmadi Falk Marino Stein".split()),
    streets=("Am Markt {n}", "{n} Abbey Close", "Calle Mayor {n}", "Kirchgasse {n}b"),
    towns=("4020 Linz", "York YO1 7HH", "28013 Madrid", "75 221 Uppsala"),
    hosts=("northmail.example", "briefe.example", "silverlake.example"),
    said=(
        "My phone: {phone}.", "Mails go to {email}, please.", "I live at {address}.", "Birthday: {birthdate}",
        "My bank account is {account}.", "The number of the card is {card}.", "Client no. {id}",
        "Speak to {name} about it.",
        "The invoice goes to {name}, {address}.", "{name} can be called under {phone}.",
        "Insured person: {name}, no. {id}",
    ),
    plain=(
        "The delivery of 7 June 2025 was damaged.", "Talvex Ltd sold me the lamp for 89.50 dollars.",
        "The code on it says F-2093.",
        "The town hall is closed on Mondays.", "What happens now?", "Release 4.1.7 does not help.",
    ),
    opened=("Good day,", "To whom it may concern,", ""),
    closed=("Many thanks, {name}", "-- \n{name}, {email}", "Yours\n{name}", ""),
)  # fmt: skip
PARTS = {"train": TRAIN, "valid": VALID}


def generate(seed: int, part: str) -> Iterator[Example]:
    """Yield labelled messages without end. part: "train" or "valid". Raises ValueError for any other part."""
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, not {part!r}")
    return _generate(random.Random(f"{seed}:{part}"), seed, part)


def _generate(rng: random.Random, seed: int, part: str) -> Iterator[Example]:
    words, number = PARTS[part], 0
    while True:
        text, items = _message(rng, words)
        if len(items) <= MOST and text:
            yield Example(f"redaction-{part}-{seed}-{number:06}", text, {"items": items})
            number += 1


def _message(rng: random.Random, words: Words) -> tuple[str, list[dict[str, str]]]:
    """Sentences with and without data; one person speaks, and others come up."""
    speaker = rng.choice(words.first), rng.choice(words.last)
    body = rng.sample(words.said, rng.choice((0, 1, 1, 2, 3))) + rng.sample(words.plain, rng.choice((0, 1, 1, 2)))
    rng.shuffle(body)
    lines = [rng.choice(words.opened), *body, rng.choice(words.closed)]
    text, items = "", []
    for line in filter(None, lines):
        values = {kind: make(rng, words, *speaker) for kind, make in MAKERS.items()}
        text += (rng.choice((" ", " ", "\n")) if text else "") + line.format(**values)
        for kind in re.findall(r"{(\w+)}", line):
            item = {"text": values[kind], "kind": kind}
            items += [item] if item not in items else []
    return text, items


def _name(rng: random.Random, words: Words, first: str, last: str) -> str:
    """The speaker's name in one of its forms, or somebody else's."""
    if rng.random() < 0.3:
        first, last = rng.choice(words.first), rng.choice(words.last)
    return rng.choice((f"{first} {last}", f"{first} {last}", f"{first} {last}", first, f"{first[0]}. {last}"))


def _address(rng: random.Random, words: Words, *speaker: str) -> str:
    return f"{rng.choice(words.streets).format(n=rng.randint(1, 140))}, {rng.choice(words.towns)}"


def _phone(rng: random.Random, words: Words, *speaker: str) -> str:
    a, b, c = (str(rng.randint(100, 999)) for _ in range(3))
    french = f"+33 6 {a[1:]} {b[1:]} {c[1:]} 21"
    return rng.choice((f"+49 {a} {b}{c}", f"0{a}/{b} {c}", f"+1 ({a}) {b}-{c}0", f"0{a} {b}{c}", french))


def _email(rng: random.Random, words: Words, first: str, last: str) -> str:
    return f"{first}.{last}@{rng.choice(words.hosts)}".lower().replace("'", "")


def _birthdate(rng: random.Random, words: Words, *speaker: str) -> str:
    day = datetime.date(1938, 1, 1) + datetime.timedelta(rng.randrange(25_000))
    return rng.choice((f"{day:%d.%m.%Y}", f"{day:%Y-%m-%d}", f"{day:%d/%m/%Y}"))


def _account(rng: random.Random, words: Words, *speaker: str) -> str:
    """A German IBAN: behind the number, 131400 is DE and two zeros as ISO 7064 counts them."""
    number = f"{rng.randrange(10**18):018}"
    iban = f"DE{98 - int(number + '131400') % 97:02}{number}"
    return rng.choice((iban, _in_fours(iban, " ")))


def _card(rng: random.Random, words: Words, *speaker: str) -> str:
    """Sixteen digits, the last of them as Luhn wants it."""
    digits = f"{rng.choice((41, 51, 55))}{rng.randrange(10**13):013}"
    total = sum(sum(divmod(2 * int(c), 10)) if at % 2 == 0 else int(c) for at, c in enumerate(digits))
    card = digits + str(-total % 10)
    return rng.choice((card, _in_fours(card, "-"), _in_fours(card, " ")))


def _in_fours(number: str, between: str) -> str:
    return between.join(number[at : at + 4] for at in range(0, len(number), 4))


def _id(rng: random.Random, words: Words, *speaker: str) -> str:
    number = rng.randint(10**6, 10**7)
    return rng.choice((f"KD-{number}", f"C{number % 89 + 10}X{number % 9000 + 1000}T", f"{number}"))


MAKERS: dict[str, Callable[[random.Random, Words, str, str], str]] = {
    "name": _name,
    "address": _address,
    "phone": _phone,
    "email": _email,
    "birthdate": _birthdate,
    "account": _account,
    "card": _card,
    "id": _id,
}
