"""Bad rows planted among good ones, as a teacher writes them: what the validators are to catch, and by which reason."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from boardwright.build.sheet import has_places
from boardwright.schemas.compare import fold
from boardwright.schemas.examples import Example
from boardwright.schemas.found import dates_in, numbers_in
from boardwright.schemas.shape import DateShape, NumberShape, TextShape, bare
from boardwright.schemas.task import Task

AMOUNT = re.compile(r"(?<![\d.,])\d+(?:[.,]\d{3})*[.,]\d\d(?![\d.,])")
DATE = re.compile(r"\d{1,4}[-/.]\w{1,3}[-/.]\d{2,4}|\d{1,2} [A-Z]{3} \d{4}")
CELL = re.compile(r"[;|:=\t\n]|\s{2,}")


def wrong(task: Task, row: Example, rng: random.Random) -> Example | None:
    """A value of the document that belongs to another field in place of the right one: the subtotal as the total."""
    fields = [(name, bare(shape)) for name, shape in task.shape.fields if row.record[name] is not None]
    rng.shuffle(fields)
    for name, shape in fields:
        value = row.record[name]
        match shape:
            case DateShape():
                mine = [one.at for one in dates_in(row.text) if one.value == value]
                # Not another reading of the same figures: 3/4/2024 is one date or the other.
                others = [o.value for o in dates_in(row.text) if all(abs(o.at - at) > 8 for at in mine)]
            case NumberShape(places=places):
                others = [one.value for one in numbers_in(row.text, places) if AMOUNT.match(row.text, one.at)]
            case TextShape():
                others = _same_kind(value, row.text)
            case _:
                continue
        folded = fold(value)
        # "RM 9.00" is no other total than "9.00".
        others = sorted({o for o in others if fold(o) not in folded and folded not in fold(o)})
        if others:
            return replace(row, record={**row.record, name: rng.choice(others)})
    return None


def _same_kind(value: str, text: str) -> list[str]:
    if DATE.search(value):
        return DATE.findall(text)
    if AMOUNT.search(value) and len(value) < 14:
        return AMOUNT.findall(text)
    cells = [cell.strip(" .") for cell in CELL.split(text)]
    if len(value.split()) < 3 and re.search(r"\d", value):
        words = [word for cell in cells for word in cell.split()]
        return [word for word in words if re.search(r"\d{3}", word) and not AMOUNT.search(word)]
    return [cell for cell in cells if 4 <= len(fold(cell)) <= 60 and not re.search(r"\d{3}", cell)]


def invented(task: Task, row: Example, rng: random.Random) -> Example | None:
    """A value that does not stand in the document: one digit or a few letters are others."""
    fields = [name for name, shape in task.shape.fields if row.record[name] and has_places(shape)]
    rng.shuffle(fields)
    for name in fields:
        value = row.record[name]
        digits = [i for i, character in enumerate(value) if character.isdigit()]
        if digits:
            at = rng.choice(digits)
            other = value[:at] + rng.choice([d for d in "123456789" if d != value[at]]) + value[at + 1 :]
        else:
            other = rng.choice(["Halvorsen Brothers Ltd", "Quixotic Gadgets Inc.", "Zebra Umbrella Co."])
        record = {**row.record, name: other}
        try:
            canonical = task.record.model_validate(record).model_dump(mode="json")
        except ValueError:
            continue
        readings = {one.value for one in [*dates_in(row.text), *numbers_in(row.text, 2)]}
        if canonical == record and other not in readings and fold(other) not in fold(row.text):
            return replace(row, record=record)
    return None


def copied(row: Example, rng: random.Random) -> Example:
    """The same document again, exactly or with an edit that no value is touched by."""
    edit = rng.randrange(5)
    if edit == 0:
        text = row.text
    elif edit == 1:
        text = row.text + "\nThank you"
    elif edit == 2:
        text = row.text.replace("\n", "\n\n")
    elif edit == 3:
        text = "Page 1\n" + row.text
    else:
        text = row.text + f" {rng.randrange(10)}"
    return replace(row, text=text)


def plant(
    task: Task, rows: Sequence[Example], held_out: Sequence[Example], of_each: int, seed: int
) -> list[tuple[Example, str]]:
    """All rows in a new order, `of_each` of each kind bad, with the reason to turn it away ("" for a good row).

    A bad row stands in for a good one, but for duplicates, which come after the row that they repeat."""
    rng = random.Random(seed)
    planted = [(row, "") for row in rows]
    rng.shuffle(planted)
    places = list(range(len(planted)))
    rng.shuffle(places)
    for make, reason in ((wrong, "value"), (invented, "grounding")):
        made = 0
        while made < of_each:
            place = places.pop()
            if bad := make(task, planted[place][0], rng):
                planted[place] = replace(bad, id=f"{reason}-{bad.id}"), reason
                made += 1
    good = [row for row, reason in planted if not reason]
    copies = [(replace(copied(row, rng), id=f"copy-{row.id}"), "duplicate") for row in rng.sample(good, of_each)]
    leaks = [(replace(copied(rng.choice(held_out), rng), id=f"leak-{number}"), "leak") for number in range(of_each)]
    return [*planted, *copies, *leaks]
