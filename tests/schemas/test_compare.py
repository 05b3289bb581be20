"""When a field is right, and what a set of records scores."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.schemas.compare import COMPARATORS, Scores, credit, exact, fold, number, score, text, wilson


class TestText:
    @pytest.mark.parametrize(
        ("gold", "got"),
        [
            ("Müller & Co.", "MÜLLER &  co"),
            ("12, High Street", "12 HIGH STREET"),
            ("Stra\u00dfe", "STRASSE"),
            ("caf\u00e9", "cafe\u0301"),
            ("ＡＢＣ １２", "abc 12"),
            ("ﬁne", "fine"),
            ("☎\ufe0f 123", "123"),
            ("€", "€"),
            (None, None),
        ],
    )
    def test_case_space_and_punctuation_aside(self, gold: Any, got: Any) -> None:
        assert text(gold, got) and text(got, gold)

    @pytest.mark.parametrize(
        ("gold", "got"),
        [
            ("Müller", "Mueller"),
            ("12 High Street", "1 2 High Streets"),
            ("total 12", "total 21"),
            ("का", "कि"),
            ("ที่", "ทา"),
            ("€", "$"),
            ("-", "—"),
            ("", None),
            ("null", None),
            ("1", 1),
        ],
    )
    def test_letters_and_digits_count(self, gold: Any, got: Any) -> None:
        assert not text(gold, got) and not text(got, gold)

    @given(st.text(st.characters(codec="ascii")))
    def test_ascii_keeps_its_letters_and_digits(self, value: str) -> None:
        assert fold(value) == "".join(c for c in value.lower() if c.isalnum())

    @given(st.text())
    def test_how_an_accent_is_spelled_makes_no_difference(self, value: str) -> None:
        assert text(unicodedata.normalize("NFC", value), unicodedata.normalize("NFD", value))


class TestNumber:
    @pytest.mark.parametrize(("gold", "got"), [("12.50", "12.5"), ("0.00", "-0"), (3, "3.0"), ("x", "x"), (None, None)])
    def test_by_value(self, gold: Any, got: Any) -> None:
        assert number(gold, got) and number(got, gold)

    @pytest.mark.parametrize(
        ("gold", "got"),
        [("12.50", "12.51"), ("12.50", "1250"), ("0.00", None), ("x", "1"), ("1,5", "1.5"), ("5", "-5")],
    )
    def test_another_value(self, gold: Any, got: Any) -> None:
        assert not number(gold, got) and not number(got, gold)


class TestExact:
    @pytest.mark.parametrize(("gold", "got"), [("a", "A"), ("a", "a "), (None, ""), ([1, 2], [2, 1]), ({"a": 1}, {})])
    def test_nothing_is_overlooked(self, gold: Any, got: Any) -> None:
        assert not exact(gold, got)

    def test_lists_and_objects(self) -> None:
        assert exact([{"a": 1}], [{"a": 1}])


@given(st.sampled_from(sorted(COMPARATORS)), st.none() | st.text() | st.integers() | st.lists(st.text()))
def test_every_value_is_right_when_it_is_the_gold_one(name: str, value: Any) -> None:
    assert COMPARATORS[name](value, value)


class TestCredit:
    @pytest.mark.parametrize(
        ("gold", "got", "earned"),
        [
            ("a", "A", 1.0),
            ("a", "b", 0.0),
            ([], [], 1.0),
            (["a"], [], 0.0),
            ([], ["a"], 0.0),
            (["a", "b"], ["B", "a"], 1.0),
            (["a", "b", "c"], ["a"], 0.5),
            (["a"], ["a", "a", "a"], 0.5),
            ([{"x": 1}, {"x": 2}], [{"x": 2}, {"x": 3}], 0.5),
            (["a"], None, 0.0),
        ],
    )
    def test_a_list_earns_by_its_items(self, gold: Any, got: Any, earned: float) -> None:
        assert credit("text", gold, got) == earned

    @given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
    def test_what_is_missing_costs_what_is_too_much_does(self, gold: list[str], got: list[str]) -> None:
        earned = credit("exact", gold, got)
        assert earned == credit("exact", got, gold)
        assert (earned == 1) == (sorted(gold) == sorted(got))


class TestScore:
    COMPARATORS: Mapping[str, str] = {"name": "text", "total": "number"}

    def score(self, *pairs: tuple[tuple[Any, Any], tuple[Any, Any] | None]) -> Scores:
        def record(values: Sequence[Any]) -> dict[str, Any]:
            return dict(zip(self.COMPARATORS, values, strict=True))

        return score(
            [record(gold) for gold, _ in pairs],
            [None if got is None else record(got) for _, got in pairs],
            self.COMPARATORS,
        )

    def test_shares_of_records_and_of_fields(self) -> None:
        assert self.score(
            (("Ann", "1.0"), ("ANN", "1.00")),
            (("Bob", None), ("Bob", "0.00")),
            (("Eve", "2"), ("Adam", "3")),
            (("Max", "4"), None),
        ) == Scores(
            documents=4,
            failed=1,
            records_right=1 / 4,
            fields_right=3 / 8,
            per_field={"name": 2 / 4, "total": 1 / 4},
        )

    def test_a_list_may_earn_a_part_while_its_record_is_wrong(self) -> None:
        scores = score([{"items": ["a", "b"]}], [{"items": ["a"]}], {"items": "exact"})
        assert scores.records_right == 0 and scores.fields_right == scores.per_field["items"] == pytest.approx(2 / 3)

    def test_a_failed_document_is_wrong_even_where_nothing_was_to_be_found(self) -> None:
        scores = self.score(((None, None), None))
        assert (scores.failed, scores.records_right, scores.fields_right) == (1, 0, 0)

    def test_a_field_that_an_answer_lacks_is_null(self) -> None:
        assert score([{"name": None}], [{}], {"name": "exact"}).records_right == 1

    @pytest.mark.parametrize(("golds", "records"), [([], []), ([{}], []), ([{}], [None, None])])
    def test_lists_that_do_not_match_are_the_callers_mistake(self, golds: list[Any], records: list[Any]) -> None:
        with pytest.raises(ValueError, match="gold records"):
            score(golds, records, {"a": "exact"})


class TestWilson:
    """Figures of Newcombe, Statistics in Medicine 17 (1998), table I."""

    @pytest.mark.parametrize(
        ("right", "total", "low", "high"),
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
    )
    def test_published_intervals(self, right: int, total: int, low: float, high: float) -> None:
        assert wilson(right, total) == pytest.approx((low, high), abs=5e-5)

    def test_all_right_is_not_certain(self) -> None:
        low, high = wilson(30, 30)
        assert 0.88 < low < 0.89 and high == 1.0

    @pytest.mark.parametrize(("right", "total"), [(0, 0), (3, 2), (-1, 2)])
    def test_counts_that_cannot_be(self, right: int, total: int) -> None:
        with pytest.raises(ValueError, match=f"{right} of {total}"):
            wilson(right, total)
