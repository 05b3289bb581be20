"""What one invoice says: the six gold values and everything that surrounds them.

Knows nothing of wording or layout.
"""

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass

from ._places import COUNTRIES, Country
from ._values import CODE_SHAPES, CURRENCIES, INVOICE_SHAPES, ORDER_SHAPES, identifier
from ._vendors import Name, company, person

# Share of documents that lack a field.
ABSENT = {
    "vendor": 0.02,
    "invoice_number": 0.04,
    "order_number": 0.4,
    "date": 0.04,
    "currency": 0.04,
    "total": 0.03,
}
# What a small student learns last comes more often in training than in the part that scores it: a missing field.
PRACTICE = 2
# Half decades, in cents: uniform over them and inside each is near enough to log-uniform, and exact integers
# do not depend on the platform's logarithm.
_BRACKETS = (300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 25_000_000)
_CODES = ("customer", "note", "project", "contract")


@dataclass(frozen=True)
class Item:
    quantity: int
    unit: int  # cents

    @property
    def price(self) -> int:
        return self.quantity * self.unit


@dataclass(frozen=True)
class Sums:
    """Cents. items + shipping + vat = gross; if `inclusive`, items + shipping = gross, and vat is part of it."""

    items: tuple[Item, ...]
    shipping: int
    net: int
    rate: str
    vat: int
    gross: int
    inclusive: bool


@dataclass(frozen=True)
class Facts:
    country: Country
    language: str
    # Gold; None where the document does not say.
    vendor: Name | None
    invoice_number: str | None
    order_number: str | None
    date: datetime.date | None
    currency: str | None
    total: int | None
    # Around it.
    buyer: Name
    contact: str
    sums: Sums
    due: datetime.date
    delivered: datetime.date
    ordered: datetime.date
    codes: dict[str, str]

    @property
    def whole(self) -> bool:
        """Yen have no decimals."""
        return self.currency == "JPY"

    def record(self) -> dict[str, str | None]:
        return {
            "vendor": self.vendor.text if self.vendor else None,
            "invoice_number": self.invoice_number,
            "order_number": self.order_number,
            "date": self.date.isoformat() if self.date else None,
            "currency": self.currency,
            "total": None if self.total is None else f"{self.total // 100}.{self.total % 100:02}",
        }


def draw(rng: random.Random, part: str, *, retail: bool = False) -> Facts:
    """One invoice's facts. retail: small sums with tax included, as on a receipt."""
    country = rng.choices(COUNTRIES, [country.weight for country in COUNTRIES])[0]
    language = rng.choice(country.languages)
    train = part == "train"
    absent = {field: rng.random() < (min(0.4, PRACTICE * share) if train else share) for field, share in ABSENT.items()}
    currency = country.currency if rng.random() < 0.9 else rng.choice(CURRENCIES)
    sums = _sums(rng, country, whole=currency == "JPY" and not absent["currency"], retail=retail)
    # A single priced item without any total would beg the question whether its price is the total.
    while absent["total"] and len(sums.items) == 1:
        sums = _sums(rng, country, whole=currency == "JPY" and not absent["currency"], retail=retail)
    issued = datetime.date(2018, 1, 1) + datetime.timedelta(days=rng.randrange(3286))
    numbers: list[str] = []
    for shapes in (INVOICE_SHAPES, ORDER_SHAPES, *[CODE_SHAPES] * len(_CODES)):
        number = identifier(rng, shapes, issued.year)
        while number in numbers:
            number = identifier(rng, shapes, issued.year)
        numbers.append(number)
    seller, buyer = _name(rng, country, language, part), _name(rng, country, language, part)
    while buyer.text in seller.text or seller.text in buyer.text:
        buyer = _name(rng, country, language, part)
    return Facts(
        country=country,
        language=language,
        vendor=None if absent["vendor"] else seller,
        invoice_number=None if absent["invoice_number"] else numbers[0],
        order_number=None if absent["order_number"] else numbers[1],
        date=None if absent["date"] else issued,
        currency=None if absent["currency"] else currency,
        total=None if absent["total"] else sums.gross,
        buyer=buyer,
        contact=person(rng, language, part).text,
        sums=sums,
        due=issued + datetime.timedelta(days=rng.choice((7, 10, 14, 14, 21, 30, 30, 45, 60))),
        delivered=issued - datetime.timedelta(days=rng.randint(1, 20)),
        ordered=issued - datetime.timedelta(days=rng.randint(21, 70)),
        codes=dict(zip(_CODES, numbers[2:], strict=True)),
    )


def _name(rng: random.Random, country: Country, language: str, part: str) -> Name:
    if rng.random() < 0.05:
        return person(rng, language, part)
    return company(rng, language, country.legal_forms, part)


def _sums(rng: random.Random, country: Country, *, whole: bool, retail: bool) -> Sums:
    step = 100 if whole else 1
    rate = rng.choice(country.rates)
    inclusive = retail or rng.random() < 0.15
    points = round(float(rate) * 100)  # hundredths of a per cent
    while True:
        bracket = rng.randrange(4 if retail else len(_BRACKETS) - 1) + (2 if whole else 0)
        bracket = min(bracket, len(_BRACKETS) - 2)
        target = rng.randint(_BRACKETS[bracket], _BRACKETS[bracket + 1] - 1)
        items = _items(rng, target, step)
        shipping = (
            rng.choice((390, 495, 690, 900, 1_250, 2_500)) // step * step if rng.random() < 0.12 and not retail else 0
        )
        priced = sum(item.price for item in items) + shipping
        if inclusive:
            gross, vat = priced, _rounded(priced * points, 10_000 + points, step)
        else:
            vat = _rounded(priced * points, 10_000, step)
            gross = priced + vat
        if _BRACKETS[0] <= gross <= _BRACKETS[-1]:
            return Sums(items, shipping, gross - vat - (0 if inclusive else shipping), rate, vat, gross, inclusive)


def _items(rng: random.Random, target: int, step: int) -> tuple[Item, ...]:
    count = rng.choice((1, 1, 1, 2, 2, 3))
    items = []
    for _ in range(count):
        quantity = rng.choice((1, 1, 1, 2, 2, 3, 4, 5, 6, 10, 12, 25))
        unit = target * rng.randint(60, 100) // 100 // count // quantity
        # Prices of goods like to end in .00, .50 or .90.
        if unit > 2_000 and rng.random() < 0.5:
            unit = unit // 100 * 100 + rng.choice((0, 0, 50, 90, 99))
        items.append(Item(quantity, max(step, unit // step * step)))
    return tuple(items)


def _rounded(numerator: int, denominator: int, step: int) -> int:
    """Half up, to whole steps."""
    return (2 * numerator + denominator * step) // (2 * denominator * step) * step
