"""Recurring values: what a student doubts becomes what its sender is known by, and nothing else does."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.schemas.compare import fold
from boardwright.schemas.recurring import alike, recurring, restored

TEXT = "THE BARER\nLITTLE LANE 7"
TOLD = {"company": 0.9}
VALUES = st.text(st.sampled_from("ABE .8"), max_size=8)


class TestFound:
    def of(self, same: int, other: int) -> dict[str, float]:
        documents = [(f"{n}", {"company": "THE BAKER" if n < same else f"No. {n}"}) for n in range(same + other)]
        return recurring(["company"], documents, lambda _: {"company": "The Baker."})

    def test_how_often_a_near_document_has_the_same_value(self) -> None:
        assert self.of(18, 0) == {"company": 0.95}
        assert self.of(17, 1) == {"company": 0.9}

    @pytest.mark.parametrize(("same", "other"), [(0, 0), (1, 0), (0, 9), (10, 9)])
    def test_what_is_not_mostly_the_same_or_seldom_seen_is_none(self, same: int, other: int) -> None:
        assert self.of(same, other) == {}

    def test_only_documents_that_have_a_neighbour_count(self) -> None:
        documents = [(f"{n}", {"company": "THE BAKER" if n < 18 else f"No. {n}"}) for n in range(40)]
        near = {f"{n}": {"company": "THE BAKER"} for n in range(18)}
        assert recurring(["company"], documents, lambda text: near.get(text, {})) == {"company": 0.95}

    def test_a_text_asks_for_its_own_neighbour(self) -> None:
        documents = [(f"{n}", {"company": f"SHOP {n}", "total": f"{n}"}) for n in range(20)]
        records = dict(documents)
        assert recurring(["company"], documents, lambda text: records[text]) == {"company": 0.955}


class TestRestored:
    def of(self, value: str | None, other: str | None, sure: float) -> dict[str, str]:
        return restored({"company": value}, lambda _: {"company": other}, TEXT, TOLD, {"company": math.log(sure)})

    def test_a_value_in_doubt_that_is_much_like_its_neighbours(self) -> None:
        assert self.of("THE BARER", "THE BAKER", 0.6) == {"company": "THE BAKER"}
        assert self.of("THE BARER", "THE BAKER", 0.95) == {}
        assert restored({"company": "THE BARER"}, lambda _: {"company": "THE BAKER"}, TEXT, TOLD, {}) != {}

    def test_another_value_stays_and_so_does_the_same(self) -> None:
        assert self.of("BLUE GARAGE", "THE BAKER", 0.1) == {}
        assert self.of("The Baker.", "THE BAKER", 0.1) == {}
        assert self.of(None, "THE BAKER", 0.1) == self.of("THE BARER", None, 0.1) == {}

    def test_where_nothing_is_in_doubt_no_neighbour_is_looked_for(self) -> None:
        def neighbour(text: str) -> dict[str, str]:
            raise AssertionError(text)

        assert restored({"company": "THE BARER"}, neighbour, TEXT, TOLD, {"company": 0.0}) == {}
        assert restored({"company": "THE BARER"}, neighbour, TEXT, {}, {}) == {}

    @given(VALUES, VALUES, st.floats(0.01, 1.0))
    def test_what_is_changed_was_in_doubt_and_alike(self, value: str, other: str, sure: float) -> None:
        for new in self.of(value, other, sure).values():
            assert new == other and alike(value, other) and fold(value) != fold(other) and sure < TOLD["company"]
