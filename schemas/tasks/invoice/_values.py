"""How amounts, dates and identifiers are written. The same tables serve the tests to read a document back.

Knows nothing of labels, layouts or which value is gold.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from typing import TypeVar

T = TypeVar("T")

CURRENCIES = ("EUR", "USD", "GBP", "CHF", "SEK", "PLN", "CZK", "JPY")
# "{}" is the number. "kr" belongs to several currencies, so it is used only beside the code SEK.
MARKS = {
    "EUR": ("€{}", "€ {}", "{} €", "{} €", "{}€", "EUR {}", "{} EUR", "EUR {}"),
    "USD": ("${}", "${}", "$ {}", "USD {}", "{} USD", "US${}"),
    "GBP": ("£{}", "£{}", "£ {}", "GBP {}", "{} GBP"),
    "CHF": ("CHF {}", "CHF {}", "{} CHF", "Fr. {}"),
    "SEK": ("{} SEK", "SEK {}", "{} kr", "{} kr"),
    "PLN": ("{} zł", "{} zł", "{} PLN", "PLN {}"),
    "CZK": ("{} Kč", "{} Kč", "{} CZK", "CZK {}"),
    "JPY": ("¥{}", "¥{}", "¥ {}", "JPY {}", "{} JPY"),
}
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "CHF": "Fr.", "SEK": "SEK", "PLN": "zł", "CZK": "Kč", "JPY": "¥"}
# name: (between thousands, before decimals)
AMOUNTS = {
    "comma": (",", "."),
    "dot": (".", ","),
    "space": (" ", ","),
    "apos": ("'", "."),
    "plain": ("", "."),
    "plain_comma": ("", ","),
}
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
}
DATES = {
    "iso": "{y}-{mm}-{dd}",
    "dot": "{dd}.{mm}.{y}",
    "dot_plain": "{d}.{m}.{y}",
    "slash": "{dd}/{mm}/{y}",
    "dash": "{dd}-{mm}-{y}",
    "us_long": "{month} {d}, {y}",
    "long": "{d} {month} {y}",
}
_LONG = {"de": "{d}. {month} {y}", "es": "{d} de {month} de {y}"}


def _shapes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# "#" digit, "@" digit but zero, "?" capital letter, "%" year, "~" its last two digits, "_" space; the rest stands.
INVOICE_SHAPES = _shapes("""
    INV-%-#### INV-@#### INV##### %-INV-##### %0### %##### @### @#### @##### @###### @######### F-##### A/%/## RE_%/###
    RE-%-#### RG####-~ RG.%-### FA-~-#### FAC-##### F_%/### FV/##/% FV_%/#### FT_%/### SI-###### ??-##### ??-####
    ?##### ###-###-### @####-? %.#### %/#### %-#### ~-##### ~/@### R~#### B######## #####/~ ???@### INV~@### %?####
    @##.### 0###### ??/%/### ~@####? D-%-@## K-@###-~ S####/~""")
ORDER_SHAPES = _shapes("""
    4500###### 45######## PO-##### PO-%-### PO##### B-#### B-%-### @#-#### Q###### ORD-##### ORD##### ####/~ ??##-###
    @#### @##### @###### BE-~-#### EK####### @###-## ??##### ?-@### %-@### BA.@### P/%/### W####### @##-###-##
    ??-~-@##""")
CODE_SHAPES = _shapes("@#### @##### K-#### ?-@#### ###-### ???@### @###### ~-#### ##.### ?#### ??-###")


def often(rng: random.Random, options: Sequence[T], steepness: float = 1.5) -> T:
    """One of the options, the first ones most often, as Zipf has it: few wordings and layouts make up most invoices."""
    return rng.choices(options, [(rank + 1) ** -steepness for rank in range(len(options))])[0]


def identifier(rng: random.Random, shapes: tuple[str, ...], year: int) -> str:
    return fill(rng, often(rng, shapes, 1.0), year)


def fill(rng: random.Random, shape: str, year: int = 2025) -> str:
    """The shape with its placeholders drawn."""
    letters = {"#": "0123456789", "@": "123456789", "?": "ABCDEFGHKLMNPRSTVWXZ"}
    fixed = shape.replace("%", str(year)).replace("~", f"{year % 100:02}").replace("_", " ")
    return "".join(rng.choice(letters[sign]) if sign in letters else sign for sign in fixed)


def amount(cents: int, style: str, whole: bool = False) -> str:
    """A number in one of AMOUNTS; `whole` leaves the decimals out (cents must then be a multiple of 100)."""
    between, point = AMOUNTS[style]
    number = f"{cents // 100:,}".replace(",", between)
    return number if whole else f"{number}{point}{cents % 100:02}"


def day(value: date, style: str, language: str) -> str:
    """A date in one of DATES; "us_long" is English whatever the language."""
    names = MONTHS["en" if style == "us_long" else language].split()
    month = names[value.month - 1]
    pattern = _LONG.get(language, DATES["long"]) if style == "long" else DATES[style]
    return pattern.format(
        y=value.year,
        m=value.month,
        mm=f"{value.month:02}",
        d=value.day,
        dd=f"{value.day:02}",
        month=month,
    )
