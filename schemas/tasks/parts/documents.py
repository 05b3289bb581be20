"""Synthetic parts lines for the task: an endless, deterministic stream of documents with their records.

"train" and "valid" share how values and packages are spelled, which is what is to be learned, but not how a line is
laid out, and no combination of part, value and package. A quantity that is not told is 1; tolerance, voltage and
maker are for nobody's record.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from typing import Any

from boardwright.schemas.examples import Example, stream

# The E12 series.
DIGITS = (10, 12, 15, 18, 22, 27, 33, 39, 47, 56, 68, 82)
# part → exponents of ten that its values begin at, in ohms, farads and henries.
DECADES = {
    "resistor": (0, 1, 2, 3, 4, 5, 6),
    "capacitor": (-12, -11, -10, -9, -8, -7, -6, -5),
    "inductor": (-6, -5, -4, -3),
}
MULTIPLIERS = {-12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M"}
UNITS = {
    "resistor": ("", "R", " ohm", "Ω", " Ohm"),
    "capacitor": ("F", "F", "f", " F", ""),
    "inductor": ("H", "H", " H", "h", ""),
}
NAMES = {
    "resistor": ("resistor", "res", "RES", "R", "resistors", "Widerstand", "chip resistor"),
    "capacitor": ("capacitor", "cap", "CAP", "C", "caps", "Kondensator", "MLCC"),
    "inductor": ("inductor", "ind", "IND", "L", "coil", "choke", "Spule"),
}
PACKAGES = {
    "0402": ("0402", "SMD 0402", "0402 (1005 metric)"),
    "0603": ("0603", "SMD0603", "R0603"),
    "0805": ("0805", "SMD 0805", "case 0805"),
    "1206": ("1206", "SMD-1206"),
    "axial": ("axial", "THT axial", "ax."),
    "radial": ("radial", "THT radial", "rad."),
}
EXTRAS = ("1%", "5 %", "±10%", "X7R", "50V", "16 V", "Yageo", "Murata", "RoHS", "NP0", "1/4W")
# Never a bare number, which could be ohms.
COUNTS = ("{n}x", "{n} x", "{n} pcs", "{n} Stk.", "qty {n}", "Qty: {n}", "x{n}", "{n} off")
LINES = {
    "train": (
        "{n} {name} {value} {package} {extra}", "{value} {name} {package} {n}", "{name} {value}, {package}, {n}",
        "{name}; {value}; {package}; {n}", "{n} {value} {package} {name}", "{name} {package} {value} {extra} {n}",
        "{n} - {name} {value} {extra}, {package}", "- {name}, {value} {extra} {package}  {n}",
    ),
    "valid": (
        "{package} {name} {value} {n}", "{n}: {value} {name} ({package}) {extra}",
        "please order {n} {name} {value} {package}",
    ),
}  # fmt: skip


def generate(seed: int, part: str) -> Iterator[Example]:
    """Yield labelled lines without end. part: "train" or "valid". Raises ValueError for any other part."""
    return stream("parts", {name: name for name in LINES}, _line, seed, part)


def _line(rng: random.Random, part: str) -> tuple[str, dict[str, Any]] | None:
    """A line of a list; None for a combination that belongs to the other part."""
    kind = rng.choice(list(NAMES))
    digits, decade = rng.choice(DIGITS), rng.choice(DECADES[kind])
    value = canonical(digits, decade)
    package = rng.choice([*PACKAGES, None])
    # A quarter of all combinations is kept for "valid".
    if (zlib.crc32(f"{kind} {value} {package}".encode()) % 4 == 0) != (part == "valid"):
        return None
    count = rng.choice((None, rng.randint(2, 20), rng.randint(2, 99) * 5, rng.randint(1, 40) * 100))
    line = rng.choice(LINES[part]).format(
        n=rng.choice(COUNTS).format(n=count) if count else "",
        name=rng.choice(NAMES[kind]),
        value=_spelled(rng, kind, digits, decade),
        package=rng.choice(PACKAGES[package]) if package else "",
        extra=rng.choice(EXTRAS) if rng.random() < 0.4 else "",
    )
    text = " ".join(line.split()).replace(" ,", ",").replace("()", "").replace("; ;", ";").strip(" ,;:-")
    return text, {"quantity": count or 1, "part": kind, "value": value, "package": package}


def canonical(digits: int, decade: int) -> str:
    """Digits times ten to the power of decade - 1, in normal form: (47, 3) → 4.7k."""
    base = decade // 3 * 3
    return f"{digits * 10 ** (decade - base) / 10:g}{MULTIPLIERS[base]}"


def _spelled(rng: random.Random, kind: str, digits: int, decade: int) -> str:
    """One of the ways to write the value: 4.7k, 4,7 kOhm, 4k7, 4700; 100n, 0.1uF."""
    base = decade // 3 * 3
    number = f"{digits * 10 ** (decade - base) / 10:g}"
    multiplier = MULTIPLIERS[base]
    unit = rng.choice(UNITS[kind])
    style = rng.random()
    if style < 0.2 and "." in number and (multiplier or kind == "resistor"):  # 4k7, 4R7
        return number.replace(".", multiplier or "R")
    if style < 0.35 and kind == "resistor" and 3 <= decade <= 5:  # 4700
        return f"{digits * 10 ** (decade - 1)}{rng.choice((' ohm', 'R', ''))}"
    if style < 0.35 and kind == "capacitor" and decade in (-8, -7):  # 0.1uF
        return f"{digits * 10 ** (decade + 5):g}u{unit}".replace(".", rng.choice(".,"))
    number = number.replace(".", rng.choice((".", ".", ",")))
    shown = rng.choice({"k": ("k", "k", "K"), "u": ("u", "µ", "u")}.get(multiplier, (multiplier,)))
    return f"{number}{rng.choice(('', '', ' ')) if shown else ''}{shown}{unit.strip() if shown else unit}"
