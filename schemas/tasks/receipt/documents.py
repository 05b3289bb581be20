"""Synthetic shop receipts for the task: an endless, deterministic stream of documents with their records.

Shops come again, as they do in a pile of real ones, and each prints and is labelled in its own way. Of "valid" half are
shops of its own and half are met in "train", with other purchases: what is scored is reading, and knowing a shop again.

The rules that make each record derivable from the text, or from another receipt of the shop:

- The company is whom the head names with its legal form, without its registration; no brand above it, no branch below.
- The address is its lines as one, in their order; phone, tax number and branch do not belong to it.
- The total is what is to be paid, after discount, tax and rounding, whatever was handed over. A sign that touches no
  letter belongs to it; letters before it ("RM") do where those who label that shop's receipts take them in.
- What a receipt does not print, or what is torn off, is null.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from boardwright.schemas.examples import Example, stream

from ._shops import Shop, filled, shop

PARTS = {"train": ("train",), "valid": ("train", "valid")}
SHOPS = 400  # the first ones come most, by Zipf's law
TORN = 0.08
NOISY = 0.2
GOODS = (
    "BREAD WHITE", "MILK 1L", "EGGS L 10", "COFFEE BEANS", "GREEN TEA", "RICE 5KG", "NOODLES", "CHICKEN CHOP",
    "FISH HEAD", "ICE LEMON TEA", "LED BULB 9W", "BATTERY AA", "EXT CORD 3M", "PAINT 1L", "BRUSH 2IN", "SCREWS M4",
    "PVC PIPE", "TAPE", "NOTEBOOK A5", "GEL PEN BLUE", "STAPLES", "PAPER A4 80G", "ENVELOPE", "SHAMPOO", "SOAP BAR",
    "TOOTHPASTE", "TISSUE", "DOG FOOD", "CAT LITTER", "ROSES RED", "POT 20CM", "SOIL 10L", "SUN CREAM", "VITAMIN C",
    "PLASTER", "DIESEL", "UNL 95", "ENGINE OIL", "WIPER 18", "CAR WASH", "BEEF STEAK", "PORK RIBS", "PRAWNS",
    "APPLES KG", "BANANAS", "TOMATO", "ONIONS", "T-SHIRT M", "SOCKS 3P", "UMBRELLA", "TOY CAR", "PUZZLE", "GIFT WRAP",
    "MINERAL WATER", "CHOC BAR", "CRISPS", "LATTE", "CROISSANT", "KAYA PUFF", "SET LUNCH A", "FRIED RICE", "SERVICE",
    "BAG", "KEY CUT", "FRAME 4R", "PHOTO PRINT",
)  # fmt: skip
SUBTOTALS = ("SUBTOTAL", "SUB-TOTAL", "SUB TOTAL", "TOTAL BEFORE TAX", "AMOUNT")
ROUNDINGS = ("ROUNDING ADJ", "ROUNDING", "ROUND D TOTAL ADJ", "ROUNDING ADJUSTMENT")
CASH, CARDS = ("CASH", "CASH TENDERED", "PAID", "CASH RECEIVED"), ("VISA", "MASTERCARD", "DEBIT CARD", "CREDIT CARD")
# What optical character recognition takes for one another.
_MISREAD = {"O": "0", "I": "1", "S": "5", "B": "8", "L": "I", "E": "F"}


def generate(seed: int, part: str) -> Iterator[Example]:
    """Yield labelled receipts without end. part: "train" or "valid". Raises ValueError for any other part."""
    return stream("receipt", PARTS, _receipt, seed, part)


def _receipt(rng: random.Random, parts: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    here = shop(rng.choice(parts), int(SHOPS ** rng.random()) - 1)
    day = (date(2016, 1, 1) + timedelta(rng.randrange(3600))).strftime(here.date).upper()
    values: dict[str, Any] = {"company": here.company, "date": day, "address": " ".join(here.address)}
    head = _head(rng, here)
    time = f"{rng.randint(8, 22):02}:{rng.randint(0, 59):02}"
    dated = here.dated.format(
        date=day, time=time, n=rng.randint(100, 99999), j=rng.randint(1, 9), c=rng.choice("ABCKR")
    )
    sums, values["total"] = _sums(rng, here)
    lines = [*head, here.title, *([] if here.late else [dated]), *sums, *([dated] if here.late else []), *here.thanks]
    torn = rng.random()
    if torn < TORN / 2:  # the head is gone
        lines, values["company"], values["address"] = lines[len(head) :], None, None
    elif torn < TORN:
        lines, values["date"] = [line for line in lines if line != dated], None
    text = "\n".join(filter(None, lines))
    if rng.random() < NOISY:
        text = _misread(rng, text, [*here.address, *filter(None, values.values()), dated])
    if not here.upper:
        text, values = _titled(text), {name: value and _titled(value) for name, value in values.items()}
    return text, values


def _head(rng: random.Random, here: Shop) -> list[str]:
    beside = ["", here.beside] if here.own_line else [f" {here.beside}" if here.beside else ""]
    return [here.brand, here.company + beside[0], *beside[1:], *here.address, *here.below]


def _sums(rng: random.Random, here: Shop) -> tuple[list[str], str]:
    """The lines of what is bought, added up and paid, and the total as people label it."""
    lines, amount = _items(rng, here)
    country = here.country
    label = rng.choice(SUBTOTALS)
    if rng.random() < 0.12:
        off = amount * rng.choice((5, 10, 20)) // 100
        lines += [f"{label} {_cents(amount)}", f"DISCOUNT -{_cents(off)}"]
        amount -= off
    elif rng.random() < 0.5 or country.added:
        lines.append(f"{label} {_cents(amount)}")
    if country.added:
        tax = round(amount * here.rate / 100)
        amount += tax
        lines.append(f"{country.tax} {here.rate}% {_cents(tax)}")
    if country.rounds and rng.random() < 0.6:
        rounded = 5 * round(amount / 5)
        if rng.random() < 0.4:  # called a total, and not what is to be paid
            lines.append(f"TOTAL {_cents(amount)}")
        lines.append(f"{rng.choice(ROUNDINGS)} {'-' if rounded < amount else ''}{_cents(abs(rounded - amount))}")
        amount = rounded
    plain = _cents(amount)
    total = country.sign + here.gap + plain if here.signed else plain
    lines.append(f"{here.total}{rng.choice((' ', ' ', ': '))}{total}")
    lines += _payment(rng, here, amount)
    return lines, total if here.taken else plain


def _items(rng: random.Random, here: Shop) -> tuple[list[str], int]:
    """Lines, and their sum in hundredths."""
    lines, amount = [], 0
    for goods in rng.sample(GOODS, rng.choice((1, 1, 2, 2, 3, 4, 5, 7))):
        many = rng.choice((1, 1, 1, 2, 3, 5))
        price = rng.choice((rng.randint(50, 3000), 10 * rng.randint(5, 900), 100 * rng.randint(1, 300)))
        amount += many * price
        code = rng.randint(10000, 9999999)
        lines.append(
            (
                f"{goods} {_cents(many * price)}",
                f"{code} {goods}\n{many} X {_cents(price)} {_cents(many * price)}",
                f"{many} {goods} {_cents(price)} {_cents(many * price)} SR",
                f"{goods}\n{code} {many} @ {_cents(price)} {_cents(many * price)}",
            )[here.item]
        )
    return lines, amount


def _payment(rng: random.Random, here: Shop, amount: int) -> list[str]:
    lines = []
    if rng.random() < 0.6:
        note = rng.choice((500, 1000, 5000))
        given = -(-amount // note) * note
        lines += [f"{rng.choice(CASH)} {_cents(given)}", f"CHANGE {_cents(given - amount)}"]
    elif rng.random() < 0.7:
        lines.append(f"{rng.choice(CARDS)} XXXX{rng.randint(1000, 9999)} {_cents(amount)}")
    if not here.country.added and here.rate and rng.random() < 0.6:
        net = round(amount * 100 / (100 + here.rate))
        lines.append(f"{here.country.tax} SUMMARY\nSR @ {here.rate}% {_cents(net)} {_cents(amount - net)}")
    if rng.random() < 0.3:
        lines.append(filled(rng, rng.choice(("CASHIER: {x}", "TERMINAL {j}", "MEMBER NO {n}", "REF {c}{n}"))))
    return lines


def _cents(amount: int) -> str:
    return f"{amount // 100:,}.{amount % 100:02}" if amount >= 500000 else f"{amount // 100}.{amount % 100:02}"


def _misread(rng: random.Random, text: str, kept: list[str]) -> str:
    """Some letters for others, in lines that hold no value."""
    return "\n".join(
        line
        if any(value in line or line in value for value in kept)
        else re.sub("[OISBLE]", lambda c: _MISREAD[c[0]] if rng.random() < 0.08 else c[0], line)
        for line in text.split("\n")
    )


def _titled(text: str) -> str:
    return re.sub(r"[A-Z]{3,}", lambda word: word[0].capitalize(), text)
