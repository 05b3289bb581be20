"""Near-duplicates are found exactly, one text at a time and in batches."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boardwright.build.near import NEAR, SHINGLE, NearIndex, near_duplicates, shingles
from boardwright.schemas.compare import fold

shingled = st.lists(
    st.sampled_from(["invoice", "total", "12.50", "Müller & Co.", "x", "!", "\n", "का"]), max_size=9
).map(" ".join)
thresholds = st.sampled_from([0.3, 0.5, NEAR, 1.0])


def pieces(text: str) -> set[str]:
    folded = fold(text)
    return {folded[i : i + SHINGLE] for i in range(len(folded) - SHINGLE + 1)} or {folded}


def similarity(one: str, other: str) -> float:
    a, b = pieces(one), pieces(other)
    return len(a & b) / len(a | b)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_text_has_as_many_shingles_as_it_has_different_pieces(text: str) -> None:
    assert len(shingles(text)) == len(pieces(text))


@settings(deadline=None)
@given(st.lists(shingled, max_size=6), st.lists(shingled, max_size=6), thresholds)
def test_a_batch_as_counted_one_by_one(texts: list[str], others: list[str], threshold: float) -> None:
    expected = [any(similarity(text, other) >= threshold for other in others) for text in texts]
    assert near_duplicates(texts, others, threshold) == expected


@settings(deadline=None)
@given(st.lists(shingled, max_size=9), thresholds)
def test_rows_that_come_one_by_one_are_each_compared_with_all_before(texts: list[str], threshold: float) -> None:
    check_one_by_one(texts, threshold)


@pytest.mark.parametrize("threshold", [0.5, NEAR])
def test_the_same_beyond_the_size_at_which_the_index_is_ordered_anew(threshold: float) -> None:
    draw = random.Random(7)
    few = [f"word{n}" for n in range(12)]
    check_one_by_one([" ".join(draw.choices(few, k=draw.randrange(1, 9))) for _ in range(150)], threshold)


def check_one_by_one(texts: list[str], threshold: float) -> None:
    index = NearIndex(threshold)
    for number, text in enumerate(texts):
        expected = [similarity(text, other) for other in texts[:number]]
        found = {int(near.name): near.similarity for near in index.near(shingles(text))}
        assert found == {n: pytest.approx(s) for n, s in enumerate(expected) if s >= threshold}
        index.add(str(number), shingles(text))
    assert len(index) == len(texts)


def test_the_most_similar_comes_first() -> None:
    index = NearIndex(0.5)
    for name, text in (("far", "one two three four six"), ("same", "One, two, three, four: five")):
        index.add(name, shingles(text))
    assert [near.name for near in index.near(shingles("one two three four five"))] == ["same", "far"]


def test_case_and_punctuation_make_no_difference() -> None:
    assert near_duplicates(["TOTAL: 12.50 (Müller & Co.)"], ["total 1250, müller co"]) == [True]


def test_one_letterhead_is_not_one_receipt() -> None:
    letterhead = "Corner Shop Ltd 12 High Street "
    first = letterhead + "milk 1.20 bread 2.30 total 3.50 02/03/2026 cash 5.00"
    second = letterhead + "eggs 4.10 apples 0.90 total 5.00 14/05/2026 card 9981"
    assert near_duplicates([first], [second]) == [False]
