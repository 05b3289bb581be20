"""Neighbours: which record is shown beside a document, and that every machine shows the same."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.schemas import neighbours
from boardwright.schemas.neighbours import Neighbours

SHOPS = [
    ("Baker & Sons, 3 High Street. Total 3.50", "baker"),
    ("Kedai Runcit, Jalan Besar. Total RM 4.00", "kedai"),
    ("Baker & Sons, 3 High Street. Total 9.10", "baker again"),
    ("Blue Garage. Total 120.00", "garage"),
]
TEXTS = st.lists(st.text(st.sampled_from("ab cd\n1"), max_size=12), max_size=6)


def of(texts: list[str]) -> Neighbours:
    return Neighbours.of((text, str(at)) for at, text in enumerate(texts))


def test_the_record_of_the_same_sender() -> None:
    assert Neighbours.of(SHOPS).nearest("KEDAI RUNCIT, JALAN BESAR. TOTAL RM 7.20") == "kedai"


def test_a_document_is_no_neighbour_of_itself() -> None:
    known = Neighbours.of(SHOPS)
    assert known.nearest(SHOPS[0][0]) == "baker again"
    assert known.nearest(SHOPS[0][0].upper() + "\n") == "baker again"


def test_without_a_common_word_there_is_none() -> None:
    known = Neighbours.of(SHOPS)
    assert known.nearest("") is None
    assert known.nearest("nothing in here") is None
    assert Neighbours.of([]).nearest("Baker") is None


def test_a_word_that_most_documents_have_makes_no_neighbour() -> None:
    assert Neighbours.of(SHOPS).nearest("Total") is None


def test_of_two_that_are_as_like_the_first() -> None:
    assert of(["a b", "c d", "a b c", "x", "c d a"]).nearest("b a") == "0"
    assert of(["one two", "one three", "x", "y"]).nearest("one") == "0"


def test_a_rare_word_counts_more_than_a_frequent_one() -> None:
    assert of(["often rare", "often it", "often is", "rare of", "x", "y", "z"]).nearest("rare often q") == "0"
    assert of(["often a1", "often a2", "often a3", "rare a4", "rare a5", "x", "y", "z"]).nearest("rare often") == "3"


def test_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MOST", 2)
    assert len(Neighbours.of(SHOPS).records) == 2


@given(TEXTS, st.text(st.sampled_from("ab cd\n1"), max_size=12))
def test_what_was_written_finds_what_was_found_before(texts: list[str], text: str) -> None:
    known = of(texts)
    again = Neighbours.from_json(known.to_json())
    assert again == known
    assert again.id == known.id
    assert again.nearest(text) == known.nearest(text)


def test_conventions_are_kept_and_are_no_part_of_prompts() -> None:
    plain = Neighbours.of(SHOPS)
    known = replace(plain, conventions={"total": {"rm": 0.872}}, recurring={"company": 0.94})
    again = Neighbours.from_json(known.to_json())
    assert again == known != plain
    assert again.id == plain.id
    assert not {"conventions", "recurring"} & set(json.loads(plain.to_json()))


def test_what_is_less_like_it_than_asked_for_is_no_neighbour() -> None:
    known = of(["a b c d", "x y"])
    assert known.nearest("a b c e", 0.3) == known.nearest("a b c e") == "0"
    assert known.nearest("a b c e", 0.9) is None
    assert known.nearest_record("a b c e", 0.9) == {}


@given(st.lists(st.text(), max_size=6), st.text())
def test_any_text_has_a_neighbour_or_none(texts: list[str], text: str) -> None:
    found = of(texts).nearest(text)
    assert found is None or found in map(str, range(len(texts)))


@pytest.mark.parametrize(
    "change",
    [
        {"records": ["a"]},
        {"records": ["a", "b", "c", 4]},
        {"records": 4},
        {"words": []},
        {"words": {"baker": 1}},
        {"words": {"baker": [9]}},
        {"words": {"baker": ["x"]}},
        {"more": 1},
        {"conventions": []},
        {"conventions": {"total": 0.5}},
        {"conventions": {"total": {"rm": "often"}}},
        {"conventions": {"total": {"rm": 1.5}}},
        {"recurring": ["company"]},
        {"recurring": {"company": {"rm": 0.5}}},
        {"recurring": {"company": 1.5}},
    ],
)
def test_what_is_no_index_is_refused(change: dict[str, object]) -> None:
    told = json.loads(Neighbours.of(SHOPS).to_json())
    with pytest.raises(ValueError, match="not an index of neighbours"):
        Neighbours.from_json(json.dumps(told | change))
