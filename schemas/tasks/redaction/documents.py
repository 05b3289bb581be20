"""Synthetic messages with planted personal data: an endless, deterministic stream of documents with their records.

"train" and "valid" share the kinds of data, but no name, no street, no mail host and no wording. Numbers of accounts
and cards hold their checksums. What is not personal stays: firms, products, amounts, codes, days that are nobody's
birthday. Of those there are as many as of data, in as many forms, or all that has digits would be taken for data.
"""

from __future__ import annotations

import datetime
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

from boardwright.schemas.examples import Example, stream
from boardwright.schemas.names import firm, town

from ._words import PARTS, PRODUCTS, Words

MOST = 8


def generate(seed: int, part: str) -> Iterator[Example]:
    """Yield labelled messages without end. part: "train" or "valid". Raises ValueError for any other part."""
    return stream("redaction", PARTS, _message, seed, part)


def _message(rng: random.Random, words: Words) -> tuple[str, dict[str, Any]] | None:
    """Sentences with and without data; one person speaks, others come up. None for too much of it, or no text."""
    speaker = words.first(rng), words.last(rng)
    body = rng.sample(words.said, rng.choice((0, 1, 1, 2, 3))) + rng.sample(words.plain, rng.choice((0, 1, 1, 2)))
    rng.shuffle(body)
    lines = [rng.choice(words.opened), *body, rng.choice(words.closed)]
    text, items = "", []
    for line in filter(None, lines):
        values: dict[str, str] = {}
        for slot in dict.fromkeys(re.findall(r"{(\w+)}", line)):
            sort = slot.rstrip("2")
            if sort in DECOYS:
                values[slot] = DECOYS[sort](rng)
                continue
            values[slot] = MAKERS[sort](rng, words, *speaker)
            item = {"text": values[slot], "kind": "name" if sort in ("first", "last") else sort}
            items += [item] if item not in items else []
        text += (rng.choice((" ", " ", "\n")) if text else "") + line.format(**values)
    return (text, {"items": items}) if text and len(items) <= MOST else None


def _name(rng: random.Random, words: Words, first: str, last: str) -> str:
    """The speaker's name in one of its forms, or somebody else's."""
    if rng.random() < 0.3:
        first, last = words.first(rng), words.last(rng)
    return rng.choice((f"{first} {last}", f"{first} {last}", f"{first} {last}", first, f"{first[0]}. {last}"))


def _address(rng: random.Random, words: Words, *speaker: str) -> str:
    return f"{words.street(rng)}, {words.town(rng)}"


def _phone(rng: random.Random, words: Words, *speaker: str) -> str:
    a, b, c = (str(rng.randint(100, 999)) for _ in range(3))
    french = f"+33 6 {a[1:]} {b[1:]} {c[1:]} 21"
    return rng.choice((f"+49 {a} {b}{c}", f"0{a}/{b} {c}", f"+1 ({a}) {b}-{c}0", f"0{a} {b}{c}", french))


def _email(rng: random.Random, words: Words, first: str, last: str) -> str:
    person = re.sub(r"[^a-z.-]", "", f"{first}.{last}".lower())
    return f"{person}@{words.host(rng)}"


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


def _day(rng: random.Random) -> str:
    """A day that is nobody's birthday."""
    day = datetime.date(2021, 1, 1) + datetime.timedelta(rng.randrange(2200))
    form = rng.choice(("%-d %B %Y", "%-d %B %Y", "%-d %B", "%d.%m.%Y", "%Y-%m-%d", "%d/%m/%Y", "%B %-d", "%-d.%-m."))
    return day.strftime(form)


def _code(rng: random.Random) -> str:
    """Of an error, a part or a model."""
    letters = "".join(rng.choices("ABCDEFGHKLMNPRSTVWXZ", k=2))
    number = rng.randrange(100, 99_999)
    forms = ("{l1}-{n}", "{l1}{n}", "{l2}-{n}", "{l2} {n}", "{l1}{d}-{n}", "{n}-{l1}", "{l2}{d}.{n}", "{n}/{d}")
    return rng.choice(forms).format(l1=letters[0], l2=letters, n=number, d=number % 90 + 7)


def _order(rng: random.Random) -> str:
    number = rng.randrange(10_000, 10**7)
    return rng.choice(("{}", "{}", "#{}", "A-{}", "PO {}", "{}-1")).format(number)


def _amount(rng: random.Random) -> str:
    whole = rng.randrange(1, 3000)
    forms = ("{:,}.90 euros", "€ {}", "{}.50 dollars", "{} USD", "{},- EUR", "£{:,}.20", "{} kronor", "CHF {}.35")
    return rng.choice(forms).format(whole)


def _release(rng: random.Random) -> str:
    parts = [str(rng.randrange(0, 20)) for _ in range(rng.choice((2, 3, 3)))]
    return rng.choice(("", "", "v")) + ".".join(parts)


# Slots with personal data.
MAKERS: dict[str, Callable[[random.Random, Words, str, str], str]] = {
    "name": _name,
    "first": lambda rng, words, first, last: first,
    "last": lambda rng, words, first, last: words.last(rng),
    "address": _address,
    "phone": _phone,
    "email": _email,
    "birthdate": _birthdate,
    "account": _account,
    "card": _card,
    "id": _id,
}
# What looks like data, and is no person's.
DECOYS: dict[str, Callable[[random.Random], str]] = {
    "day": _day,
    "firm": firm,
    "product": lambda rng: rng.choice(PRODUCTS),
    "code": _code,
    "order": _order,
    "amount": _amount,
    "release": _release,
    "place": town,
    "hour": lambda rng: f"{rng.randrange(24)}:{rng.randrange(60):02}",
    "year": lambda rng: str(rng.randrange(1950, 2027)),
    "age": lambda rng: str(rng.randrange(18, 99)),
    "count": lambda rng: str(rng.randrange(2, 400)),
}
