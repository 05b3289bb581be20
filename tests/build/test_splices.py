"""Splices: a head and a tail of two documents, and the values of each where they stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.build.printed import place_of
from boardwright.build.splices import spliced
from boardwright.schemas.errors import BadTask
from boardwright.schemas.examples import Example
from boardwright.schemas.task import load_task

TASK = load_task("receipt")


def receipt(number: int, *, dated: str = "top") -> Example:
    company, address, date = f"SHOP {number} LTD", f"{number} HIGH STREET", f"{number % 28 + 1}/05/2018"
    lines = [company, address, f"BILL {number * 7919}", "1 X SOAP", f"TOTAL RM {number}.50", "THANK YOU"]
    lines.insert({"top": 2, "bottom": 5}[dated], f"DATE {date}")
    record = {"company": company, "date": date, "address": address, "total": f"{number}.50"}
    return Example(f"r{number}", "\n".join(lines), record)


SHOPS = [receipt(100 + number) for number in range(30)]


@given(st.lists(st.sampled_from(["top", "bottom"]), min_size=2, max_size=12), st.integers(0, 99))
def test_each_value_stands_there_and_no_value_that_was_cut_off(dated: list[str], seed: int) -> None:
    shops = {f"r{100 + n}": receipt(100 + n, dated=where) for n, where in enumerate(dated)}
    for copy, text in spliced(TASK, list(shops.values()), 1.0, seed):
        head, tail = (shops[name] for name in copy.id.split("+"))
        assert text == tail.text and head is not tail
        first, *_, last = copy.text.split("\n")
        assert head.text.startswith(f"{first}\n") and tail.text.endswith(f"\n{last}")
        assert copy.record["company"] == head.record["company"]
        for name, value in copy.record.items():
            assert place_of(value, copy.text)
            [other] = {head.record[name], tail.record[name]} - {value} or [value]
            assert value == other or not place_of(other, copy.text)


def test_the_share_and_the_seed_tell_which() -> None:
    some = list(spliced(TASK, SHOPS, 0.5, 7))
    assert 6 < len(some) < 24
    assert some == list(spliced(TASK, SHOPS, 0.5, 7))
    assert some != list(spliced(TASK, SHOPS, 0.5, 8))
    assert not list(spliced(TASK, SHOPS, 0.0, 7))


def test_a_value_that_a_document_does_not_give_comes_from_the_other_half_or_from_none() -> None:
    without = Example("w", SHOPS[0].text.replace("100 HIGH STREET\n", ""), SHOPS[0].record | {"address": None})
    copies = [copy for seed in range(40) for copy, _ in spliced(TASK, [without, *SHOPS[1:4]], 1.0, seed)]
    assert {copy.record["address"] is None for copy in copies} == {True, False}
    for copy in copies:
        assert (copy.record["address"] is None) == ("HIGH STREET" not in copy.text)


def test_a_document_that_does_not_hold_a_value_is_left_whole() -> None:
    misread = [Example(shop.id, shop.text.replace("SHOP", "SH0P"), shop.record) for shop in SHOPS]
    assert not list(spliced(TASK, misread, 1.0, 7))


def test_one_document_or_one_line_has_nothing_to_be_spliced_with() -> None:
    assert not list(spliced(TASK, SHOPS[:1], 1.0, 7))
    assert not list(spliced(TASK, [Example(s.id, s.text.replace("\n", " "), s.record) for s in SHOPS], 1.0, 7))


def test_a_task_whose_values_are_not_pieces_of_a_text_is_refused() -> None:
    with pytest.raises(BadTask, match="piece of its document") as raised:
        list(spliced(load_task("invoice"), [], 1.0, 7))
    assert raised.value.where == "field 'date' of the task 'invoice'"
