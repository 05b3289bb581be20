"""Conventions: what labelled documents show of a word before a value, and which values follow their neighbour's."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.schemas.conventions import AT_LEAST, Lead, begins_with, conformed, conventions, lead, turned

TEXTS = st.text(st.sampled_from("RM m5.0\nÉ€-"), max_size=12)


@pytest.mark.parametrize(
    ("value", "text", "found"),
    [
        ("RM 3.90", "TOTAL RM 3.90", Lead("rm", "RM ", True)),
        ("RM3.90", "", Lead("rm", "RM", True)),
        ("3.90", "TOTAL RM 3.90", Lead("rm", "RM ", False)),
        ("3.90", "TOTAL Rm3.90\nCASH 5.00", Lead("rm", "Rm", False)),
        ("3.90", "SOAP 3.90\nTOTAL RM\n3.90", Lead("soap", "SOAP ", False)),  # the first place that has one
        ("3.90", "2 X 3.90\nTOTAL\n3.90", Lead("x", "X ", False)),
        ("3.90", "13.90\nRM 3.905", None),  # parts of other numbers
        ("3.90", "$ 3.90", None),
        ("3.90", "", None),
        ("RM", "RM", None),
        ("M", "RM 3.90", None),  # a part of a word
        ("ÉTÉ", "ÉTÉ", None),
    ],
)
def test_the_word_before_a_value(value: str, text: str, found: Lead | None) -> None:
    assert lead(value, text) == found


@given(TEXTS.map(str.strip).filter(bool), TEXTS)
def test_what_is_turned_twice_is_what_it_was(value: str, text: str) -> None:
    found = lead(value, text)
    if found:
        other = turned(value, found)
        assert begins_with(value, found.word) == found.taken
        if not found.taken:
            assert begins_with(other, found.word)
            assert turned(other, Lead(found.word, found.printed, True)) == value


def document(number: int, taken: bool, shop: str = "") -> tuple[str, dict[str, str | None]]:
    return f"{shop}\nTOTAL RM {number}.00", {"total": f"RM {number}.00" if taken else f"{number}.00", "date": None}


class TestFound:
    def of(self, taken: int, left: int, neighbour: dict[str, str | None] | None = None) -> dict[str, dict[str, float]]:
        documents = [document(100 + n, n < taken) for n in range(taken + left)]
        return conventions(["total", "date"], documents, lambda _: neighbour or {})

    def test_a_word_that_some_labels_take_in_and_others_leave_out(self) -> None:
        assert self.of(6, 4, {"total": "RM 7.00"}) == {"total": {"rm": 0.583}}
        assert self.of(6, 4, {"total": "7.00"}) == {"total": {"rm": 0.417}}
        assert self.of(4, 8, {"total": "7.00"}) == {"total": {"rm": 0.643}}

    @pytest.mark.parametrize(("taken", "left"), [(AT_LEAST - 1, 10), (10, AT_LEAST - 1), (0, 10), (10, 0), (0, 0)])
    def test_what_few_labels_do_is_none(self, taken: int, left: int) -> None:
        assert self.of(taken, left, {"total": "7.00"}) == {}

    def test_where_no_document_has_a_neighbour_there_is_nothing_to_go_by(self) -> None:
        assert self.of(5, 5) == self.of(5, 5, {"total": None}) == {}

    def test_a_text_asks_for_its_own_neighbour(self) -> None:
        documents = [document(100 + n, n % 2 == 0, "AB"[n % 2]) for n in range(10)]
        records = dict(documents)
        assert conventions(["total"], documents, lambda text: records[text]) == {"total": {"rm": 0.917}}


TEXT = "SHOP\nTOTAL RM 5.00"
TOLD = {"total": {"rm": 0.9}}


class TestFollowed:
    def of(self, value: str | None, other: str | None, sure: float, text: str = TEXT) -> dict[str, str]:
        return conformed({"total": value}, lambda _: {"total": other}, text, TOLD, {"total": math.log(sure)})

    def test_a_value_in_doubt_is_as_its_neighbours(self) -> None:
        assert self.of("RM 5.00", "7.00", 0.6) == {"total": "5.00"}
        assert self.of("5.00", "RM7.00", 0.6) == {"total": "RM 5.00"}  # as its own document prints it
        assert self.of("5.00", "7.00", 0.6) == self.of("RM 5.00", "rm 7.00", 0.6) == {}

    def test_one_that_the_student_is_surer_of_stays(self) -> None:
        assert self.of("RM 5.00", "7.00", 0.95) == {}
        assert conformed({"total": "RM 5.00"}, lambda _: {"total": "7.00"}, TEXT, TOLD, {}) == {"total": "5.00"}

    def test_where_nothing_is_in_doubt_no_neighbour_is_looked_for(self) -> None:
        def neighbour(text: str) -> dict[str, str]:
            raise AssertionError(text)

        assert conformed({"total": "RM 5.00"}, neighbour, TEXT, TOLD, {"total": 0.0}) == {}
        assert conformed({"total": "5.00"}, neighbour, "TOTAL 5.00", TOLD, {}) == {}

    def test_without_a_word_or_a_neighbour_there_is_nothing_to_follow(self) -> None:
        assert self.of(None, "7.00", 0.1) == self.of("RM 5.00", None, 0.1) == {}
        assert self.of("5.00", "RM 7.00", 0.1, "TOTAL 5.00") == {}
        assert self.of("EUR 5.00", "7.00", 0.1) == {}  # of that word nothing was told
        assert conformed({"total": "RM 5.00"}, lambda _: {}, TEXT, TOLD, {}) == {}


def test_what_is_told_can_be_written() -> None:
    documents = [document(100 + n, n < 5) for n in range(10)]
    told = conventions(["total"], documents, lambda _: {"total": "7.00"})
    assert json.loads(json.dumps(told)) == told
