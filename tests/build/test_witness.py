"""A value that stands in the document, but where another field's values stand, is doubted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boardwright.build.witness import LEARN_LEAST, Witness, review
from boardwright.schemas.shape import shape_of
from tests.build.bills import GOLD, Bill, bill

SHAPE = shape_of(Bill)
ROWS = [bill(seed) for seed in range(LEARN_LEAST)]


@pytest.fixture(scope="module")
def witness() -> Witness:
    learned = Witness.learn(SHAPE, ROWS, GOLD)
    assert learned is not None
    return learned


@pytest.mark.parametrize("field", ["vendor", "issued", "total"])
def test_what_belongs_to_another_field_is_doubted_and_the_right_value_named(witness: Witness, field: str) -> None:
    for seed in range(5000, 5030):
        wrong, right = bill(seed, **{field: "wrong"}), bill(seed)
        if wrong.record == right.record:
            continue
        found = witness.doubt(wrong)
        assert found is not None and found.path == field
        assert str(right.record[field])[:10] in found.detail


def test_a_null_where_the_value_is_plain_to_see_is_doubted(witness: Witness) -> None:
    found = [witness.doubt(bill(seed, total=None)) for seed in range(5000, 5030)]
    assert all(one is not None and one.path == "total" and one.detail.startswith("null") for one in found)


def test_right_rows_are_hardly_ever_doubted(witness: Witness) -> None:
    assert sum(witness.doubt(bill(seed)) is not None for seed in range(6000, 6200)) <= 0.03 * 200


def test_a_value_that_stands_nowhere_is_left_to_grounding(witness: Witness) -> None:
    assert witness.doubt(bill(5000, vendor="Quixotic Gadgets")) is None


def test_few_rows_teach_nothing() -> None:
    assert Witness.learn(SHAPE, ROWS[:-1], GOLD) is None
    assert review(SHAPE, [bill(0, total="wrong")] * 10, GOLD) == [None] * 10


def test_without_gold_a_part_of_the_rows_stands_in() -> None:
    learned = Witness.learn(SHAPE, [bill(seed) for seed in range(300)], [])
    assert learned is not None and learned.doubt(bill(5000, total="wrong")) is not None


def test_a_review_judges_each_row_by_the_others() -> None:
    rows = [bill(seed) for seed in range(2 * LEARN_LEAST)]
    bad = {7, 8, 301}
    rows = [bill(n, total="wrong") if n in bad else row for n, row in enumerate(rows)]
    doubted = {n for n, doubt in enumerate(review(SHAPE, rows, GOLD)) if doubt}
    assert bad <= doubted and len(doubted) <= 0.03 * len(rows) + len(bad)


def test_ocr_between_the_words_does_not_hide_the_place(witness: Witness) -> None:
    row = bill(5001)
    broken = replace(row, text=row.text.replace("Ltd", "\nLtd", 1))
    assert witness.doubt(broken) is None
