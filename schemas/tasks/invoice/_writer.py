"""One document's hand: its wordings, letter case, and how it writes money, dates and pairs of label and value.

Knows nothing of layouts. It marks every gold value and currency, so that noise passes them by.
"""

from __future__ import annotations

import random
from datetime import date
from enum import Enum

from ._facts import Facts
from ._labels import LABELS
from ._noise import keep, width
from ._values import AMOUNTS, MARKS, SYMBOLS, amount, day, fill, often

Row = tuple[str, str]


class Setting(Enum):
    """How rows are set."""

    COLON, ALIGNED, PIPED, PAIRED, STACKED, HEADED, PLAIN, EQUALS, DOTTED, BULLETS, BRACKETS, RIGHT = range(12)


def split(rng: random.Random, part: str, *sizes: int) -> tuple[int, ...]:
    """One index for each size. Combinations whose sum is a multiple of four are kept for "valid"."""
    while True:
        picked = tuple(often(rng, range(size)) for size in sizes)
        if (sum(picked) % 4 == 0) == (part == "valid"):
            return picked


class Writer:
    """Writes the values of one document in one manner."""

    def __init__(self, rng: random.Random, facts: Facts, part: str) -> None:
        self.rng, self.facts, self.part = rng, facts, part
        self.words = LABELS[facts.language]
        self.currency_shown = facts.currency is None
        self._chosen: dict[str, str] = {}
        for pair in (("invoice", "total"), ("date", "order")):
            picked = split(rng, part, *(len(self.words[key]) for key in pair))
            self._chosen |= {key: self.words[key][index] for key, index in zip(pair, picked, strict=True)}
        self._case = rng.choices((str, str.upper, str.lower, str.title), (76, 12, 6, 6))[0]
        self.empty: tuple[str, ...] = ("-", "-", "n/a", "—", "--", "./.")
        self.colon = rng.choices((": ", ":", " : ", ":  "), (86, 5, 5, 4))[0]
        self.amounts = rng.choice(facts.country.amounts)
        self.dates = rng.choice(facts.country.dates)
        if facts.whole and self.amounts not in ("comma", "plain"):
            self.amounts = "plain"
        self._mark = rng.choice(MARKS[facts.currency]) if facts.currency else "{}"
        # Where the currency stands: at each amount, at the total only, in the total's label, in a note.
        self.mode = rng.choices(("each", "total", "label", "note"), (62, 18, 8, 12))[0]

    # Words

    def label(self, key: str, **numbers: int) -> str:
        """The wording for key, the same each time in one document; numbers fill its slots."""
        if key not in self._chosen:
            self._chosen[key] = often(self.rng, self.words[key])
        rate = self.facts.sums.rate.replace(".", AMOUNTS[self.amounts][1])
        return self._case(self.local(self._chosen[key]).format(r=rate, **numbers))

    def phrase(self, key: str) -> str:
        """A sentence for key, any of them, in its own letter case."""
        return self.local(often(self.rng, self.words[key]))

    def local(self, text: str) -> str:
        if self.facts.country.code == "US":
            return text.replace("VAT reg. no.", "Tax ID").replace("VAT", "Tax")
        return text

    # Values

    def money(self, cents: int, *, gold: bool = False) -> str:
        number = amount(cents, self.amounts, self.facts.whole)
        if not self.facts.currency or not (self.mode == "each" or (gold and self.mode == "total")):
            return keep(number) if gold else number
        # "kr" alone names no currency: the note that follows has to.
        self.currency_shown |= "kr" not in self._mark
        before, after = self._mark.split("{}")
        return keep(f"{before}{number}{after}") if gold else f"{keep(before)}{number}{keep(after)}"

    def day(self, value: date, *, gold: bool = False) -> str:
        text = day(value, self.dates, self.facts.language)
        return keep(text) if gold else text

    def gold(self, key: str) -> str | None:
        """The marked value of a gold field, by the key of its label; None where the document has none."""
        facts = self.facts
        match key:
            case "vendor":
                return keep(facts.vendor.text) if facts.vendor else None
            case "invoice" | "receipt":
                return keep(facts.invoice_number) if facts.invoice_number else None
            case "order":
                return keep(facts.order_number) if facts.order_number else None
            case "date":
                return self.day(facts.date, gold=True) if facts.date else None
            case _:
                return None if facts.total is None else self.money(facts.total, gold=True)

    # Rows: a label and its value

    def row(self, key: str, empty: float = 0.22) -> list[Row]:
        """The row of a gold field; where it is absent, an empty row with probability `empty`, else none."""
        value = self.gold(key)
        if value is None:
            return [(self.label(key), self.rng.choice(self.empty))] if self.rng.random() < empty else []
        label = self.label(key)
        if key in ("total", "gross") and self.mode == "label" and self.facts.currency:
            code = self.facts.currency if self.rng.random() < 0.6 else SYMBOLS[self.facts.currency]
            label += keep(self.rng.choice((" {}", " ({})", ", {}")).format(code))
            self.currency_shown = True
        return [(label, value)]

    def extras(self, count: int) -> list[Row]:
        """Rows that only mislead."""
        kinds = ["due", "due", "delivered", "ordered", "customer", "note", "project", "contract", "terms", "customer"]
        if self.facts.vendor:  # without a vendor, a contact's name could be taken for one
            kinds.append("contact")
        picked = self.rng.sample(kinds, count)
        return [self.extra(kind) for kind in dict.fromkeys(picked)]

    def extra(self, kind: str) -> Row:
        facts = self.facts
        match kind:
            case "due" | "delivered" | "ordered":
                value = self.day(getattr(facts, kind))
            case "terms":
                value = self.label("days", n=self.rng.choice((7, 14, 30, 45)))
            case "contact":
                value = facts.contact
            case _:
                value = facts.codes[kind]
        return self.label(kind), value

    def currency_row(self) -> list[Row]:
        """The row that names the currency, if nothing has named it yet; rarely an empty one where there is none."""
        if self.facts.currency is None:
            return [(self.label("currency"), self.rng.choice(self.empty))] if self.rng.random() < 0.15 else []
        if self.currency_shown:
            return []
        self.currency_shown = True
        return [(self.label("currency"), keep(self.facts.currency))]

    def currency_note(self) -> list[str]:
        """The sentence that names the currency, if nothing has named it yet."""
        if self.currency_shown or self.facts.currency is None:
            return []
        self.currency_shown = True
        return [self.phrase("amounts_in").format(c=keep(self.facts.currency))]

    def address(self) -> str:
        rng, country = self.rng, self.facts.country
        street, city, number = rng.choice(country.streets), rng.choice(country.cities), rng.randint(1, 180)
        return country.address.format(n=number, street=street, city=city)

    def small_print(self, count: int) -> list[str]:
        """Lines of a footer: a bank account, a tax number, a telephone, a page number, thanks."""
        rng, country = self.rng, self.facts.country
        lines = [
            f"IBAN{self.colon}{country.code}" + fill(rng, "##_####_####_####_##"),
            self.label("vat_id") + self.colon + fill(rng, country.vat_id),
            self.label("phone") + self.colon + fill(rng, country.phone),
            self.label("page", a=1, b=rng.randint(1, 3)),
            self.phrase("thanks"),
            self.phrase("thanks"),
        ]
        return rng.sample(lines, count)

    def lines(self, rows: list[Row], setting: Setting = Setting.COLON) -> list[str]:
        """The rows as lines."""
        if not rows:
            return []
        colon, widest = self.colon, max(width(label) for label, _ in rows)
        cells = [label + colon + value for label, value in rows]
        match setting:
            case Setting.ALIGNED:
                return [label + " " * (widest + 2 - width(label)) + value for label, value in rows]
            case Setting.PIPED:
                return [" | ".join(cells[i : i + 3]) for i in range(0, len(cells), 3)]
            case Setting.PAIRED:
                return ["    ".join(cells[i : i + 2]) for i in range(0, len(cells), 2)]
            case Setting.STACKED:
                return [part for label, value in rows for part in (label, value)]
            case Setting.HEADED:
                return [" | ".join(label for label, _ in rows), " | ".join(value for _, value in rows)]
            case Setting.PLAIN:
                return [f"{label} {value}" for label, value in rows]
            case Setting.EQUALS:
                return [f"{label} = {value}" for label, value in rows]
            case Setting.DOTTED:
                return [f"{label} {'.' * (widest + 4 - width(label))} {value}" for label, value in rows]
            case Setting.BULLETS:
                return [f"- {cell}" for cell in cells]
            case Setting.BRACKETS:
                return [f"[{label}] {value}" for label, value in rows]
            case Setting.RIGHT:
                return [label + " " * max(2, 30 - width(label) - width(value)) + value for label, value in rows]
            case _:
                return cells
