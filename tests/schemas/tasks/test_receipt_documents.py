"""Synthetic receipts: every label follows from the text, and shops come again with their habits."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from decimal import Decimal
from functools import cache
from itertools import islice

from boardwright.build.printed import printed
from boardwright.schemas.examples import Example
from boardwright.schemas.found import printed_dates
from boardwright.schemas.tasks.receipt.documents import generate


@cache
def drawn(part: str) -> list[Example]:
    return list(islice(generate(7, part), 600))


def both() -> list[Example]:
    return [*drawn("train"), *drawn("valid")]


def amount(text: str) -> Decimal:
    return Decimal(re.sub(r"[^\d.]", "", text))


def test_every_value_stands_in_its_receipt() -> None:
    values = [(value, one.text) for one in both() for value in one.record.values() if value]
    assert [value for value, text in values if printed(value, text) is None] == []
    lines = [(one.record["company"], one.text.splitlines()) for one in both() if one.record["company"]]
    assert all(any(line.startswith(company) for line in text[:2]) for company, text in lines)


def test_a_date_is_one_that_the_harness_finds() -> None:
    dated = [one for one in both() if one.record["date"]]
    assert [one.id for one in dated if one.record["date"] not in dict(printed_dates(one.text))] == []


def test_what_was_handed_over_less_the_change_is_the_total() -> None:
    checked = 0
    for one in both():
        if paid := re.search(r"^(?:CASH|PAID).* ([\d,.]+)\nCHANGE ([\d,.]+)$", one.text, re.M | re.I):
            checked += 1
            assert amount(paid[1]) - amount(paid[2]) == amount(one.record["total"]), one.text
    assert checked > 300


def test_some_values_are_missing_and_no_total_is() -> None:
    nulls = Counter(name for one in both() for name, value in one.record.items() if value is None)
    assert nulls["total"] == 0 and nulls["company"] == nulls["address"] > 10 and nulls["date"] > 10


def test_shops_come_again_and_half_of_the_held_out_ones_are_new() -> None:
    known = {one.record["company"] for one in drawn("train")}
    held_out = [one.record["company"] for one in drawn("valid")]
    assert len(known) < 0.5 * len(drawn("train"))
    assert 0.35 < sum(company in known for company in held_out) / len(held_out) < 0.6


def test_a_shop_is_labelled_in_one_way() -> None:
    ways: dict[str, set[bool]] = defaultdict(set)
    for one in both():
        if re.search(r"RM ?[\d,]+\.\d\d", one.text) and one.record["company"]:
            ways[one.record["company"]].add(one.record["total"].upper().startswith("RM"))
    assert all(len(way) == 1 for way in ways.values())
    assert {True, False} <= {way for some in ways.values() for way in some}
