"""What a student has by heart, and what it says too often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel

from boardwright.build.examine import examine, over_represented
from boardwright.build.training_figures import Examined, Score, Value
from boardwright.schemas.examples import Example
from boardwright.schemas.fields import Items, Text
from boardwright.schemas.shape import shape_of
from boardwright.schemas.task import load_task


class Paid(BaseModel):
    currency: Literal["EUR", "USD", "GBP", "CHF"] | None
    vendor: Annotated[str, Text(20)]


class Line(BaseModel):
    kind: Literal["a", "b"]
    tags: Annotated[list[Literal["x", "y"]], Items(9)]


class Order(BaseModel):
    lines: Annotated[list[Line], Items(9)]


def records(*currencies: str | None) -> list[dict[str, Any]]:
    return [{"currency": one, "vendor": f"vendor {number}"} for number, one in enumerate(currencies)]


def over(golds: Sequence[dict[str, Any]], got: Sequence[dict[str, Any] | None]) -> list[Value]:
    return over_represented(shape_of(Paid), golds, got)


def test_a_value_that_comes_out_far_too_often_is_named() -> None:
    golds = records("EUR", "EUR", "USD", "GBP", "CHF", "USD")
    got = records("EUR", "EUR", "EUR", "EUR", "EUR", "USD")
    assert over(golds, got) == [Value("currency", '"EUR"', 2, 5)]


def test_chance_is_not_named() -> None:
    golds = records(*["EUR"] * 20, *["USD"] * 20)
    assert over(golds, records(*["EUR"] * 26, *["USD"] * 14)) == []
    assert over(golds[:2], records("CHF", "CHF")) == []


def test_nothing_is_a_value_too_and_a_failed_record_has_none() -> None:
    golds = records("EUR", "USD", "GBP", "CHF")
    assert over(golds, [*records(None, None, None), None]) == [Value("currency", "null", 0, 3)]


def test_the_most_frequent_excess_comes_first() -> None:
    golds = records(*["EUR", "USD", "GBP"] * 3)
    got = [{"currency": "EUR", "vendor": "x" if number < 5 else f"vendor {number}"} for number in range(9)]
    assert [one.field for one in over(golds, got)] == ["currency", "vendor"]


def test_items_of_a_list_count_one_by_one() -> None:
    lines = [{"kind": "a", "tags": ["x", "x"]}, {"kind": "b", "tags": ["x"]}]
    found = over_represented(shape_of(Order), [{"lines": []}], [{"lines": lines}])
    assert found == [Value("lines[].tags[]", '"x"', 0, 3)]


class Parrot:
    """A harness that answers every document with the record that is written in it."""

    def __init__(self, known: dict[str, dict[str, Any]]) -> None:
        self._known = known
        self.asked: list[str] = []

    def extract_many(self, texts: Any) -> Any:
        from types import SimpleNamespace

        model = load_task("invoice").record
        for text in texts:
            self.asked.append(text)
            yield SimpleNamespace(record=model.model_validate(self._known[text]))

    def close(self) -> None:
        pass


def test_by_heart_shows_in_scores_and_in_copies(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    task = load_task("invoice")
    generate = task.documents()
    assert generate is not None
    drawn = generate(3, "train")
    train = [next(drawn) for _ in range(20)]
    held_out = [Example(str(n), f"document {n}", next(drawn).record) for n in range(10)]
    # Right for nine, and for the last one what the first training document holds.
    outputs = [*(example.record for example in held_out[:9]), train[0].record]
    parrot = Parrot({example.text: example.record for example in train})
    monkeypatch.setattr("boardwright.build.examine.Harness.load", lambda *_, **__: parrot)
    found = examine(task, tmp_path, None, train, held_out, outputs)  # type: ignore[arg-type]
    assert found.learnt == Score(10, 1.0, 1.0)
    assert found.held_out.records == 0.9
    assert (found.copied, found.copied_gold) == (0.1, 0.0)
    assert parrot.asked == [example.text for example in train[::2]]  # from all of it, as many as are held out


def test_a_gap_is_told_as_overfitting() -> None:
    def told(learnt: float, held_out: float, documents: int = 40) -> str:
        one, other = Score(documents, 1.0, learnt), Score(documents, 1.0, held_out)
        found = Examined(one, other, 0.1, 0.1, [Value("a", "1", 0, 4)])
        assert "a = 1, 4 times where 0 are right" in list(found.lines())[-1]
        return next(found.lines())

    assert told(0.99, 0.9).endswith("overfitted")
    assert not told(0.99, 0.95).endswith("overfitted")
    assert not told(0.99, 0.9, documents=10).endswith("overfitted")  # of ten documents, chance does that
