"""Records from a shape alone: valid, the same on every run, and even over closed sets."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, model_validator

from boardwright.build.draw import MAKERS, own_values, records, text
from boardwright.build.init import TEMPLATE
from boardwright.build.walk import leaves
from boardwright.schemas.errors import BadTask
from boardwright.schemas.examples import Example, write_examples
from boardwright.schemas.fields import Items, Text, Verbatim
from boardwright.schemas.task import Task, load_task, shipped_tasks


class Line(BaseModel):
    name: Annotated[str, Verbatim(12)]
    count: Annotated[int, Field(ge=1, le=9)]


class Order(BaseModel):
    kind: Literal["buy", "return", "ask"]
    customer: Annotated[str, Text(40)] | None
    lines: Annotated[list[Line], Items(3)]
    express: bool


TASK = Task("order", Order, "Read the order.")


def drawn(task: Task, count: int, seed: int = 1, nulls: float = 0.2) -> list[dict[str, Any]]:
    return list(itertools.islice(records(task, seed, nulls), count))


@pytest.mark.parametrize("name", [*shipped_tasks(), str(TEMPLATE)])
def test_every_record_passes_its_model(name: str) -> None:
    task = load_task(name)
    for record in drawn(task, 60):
        assert task.record.model_validate(record).model_dump(mode="json") == record


def test_a_seed_is_a_series() -> None:
    assert drawn(TASK, 20) == drawn(TASK, 30)[:20]
    assert drawn(TASK, 20) != drawn(TASK, 20, seed=2)


@pytest.mark.parametrize("count", [1, 7, 60, 61])
def test_closed_sets_are_balanced(count: int) -> None:
    found = drawn(TASK, count)
    for field, values in (("kind", 3), ("express", 2)):
        counts = Counter(record[field] for record in found)
        assert max(counts.values()) - (min(counts.values()) if len(counts) == values else 0) <= 1


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_nulls_come_as_often_as_asked_for(share: float) -> None:
    found = [record["customer"] for record in drawn(TASK, 300, nulls=share)]
    assert sum(one is None for one in found) / 300 == pytest.approx(share, abs=0.1)


def test_lists_have_every_length_and_no_item_twice() -> None:
    lists = [record["lines"] for record in drawn(TASK, 80)]
    assert {len(one) for one in lists} == {0, 1, 2, 3}
    assert all(one.count(item) == 1 for one in lists for item in one)


@settings(deadline=None)
@given(st.sampled_from([word for words, _ in MAKERS for word in words] + ["note"]), st.integers(1, 90), st.integers(0))
def test_a_text_keeps_to_its_bound(name: str, most: int, seed: int) -> None:
    made = text(random.Random(seed), f"order.{name}", most)
    assert 1 <= len(made) <= most
    assert made == made.strip()


@pytest.mark.parametrize(("name", "sign"), [("email", "@"), ("billing_address", ","), ("website", "https://")])
def test_a_field_s_name_says_what_it_may_hold(name: str, sign: str) -> None:
    assert sign in text(random.Random(1), name, 80)


def test_values_of_the_task_s_own_examples_come_up(tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    (tmp_path / "task.py").touch()
    names = [f"Customer {number}" for number in range(30)]
    lines = [{"name": "bolt", "count": 2}]
    write_examples(
        tmp_path / "examples" / "mine.jsonl",
        [Example(n, n, {"kind": "buy", "customer": n, "lines": lines, "express": True}) for n in names],
    )
    task = Task("order", Order, "Read the order.", folder=tmp_path)
    assert own_values(task)["lines[].name"] == ["bolt"]
    found = {record["customer"] for record in drawn(task, 100)} - {None}
    assert found <= set(names)
    assert len(found) > 20


def test_paths_of_a_record() -> None:
    record = {"kind": "ask", "customer": None, "lines": [{"name": "nut", "count": 3}], "express": False}
    assert [(path, value) for path, value, _ in leaves(TASK.shape, record)] == [
        ("kind", "ask"),
        ("customer", None),
        ("lines[].name", "nut"),
        ("lines[].count", 3),
        ("express", False),
    ]


class Picky(BaseModel):
    code: Annotated[str, Verbatim(8)]

    @model_validator(mode="after")
    def _only_magic(self) -> Picky:
        if self.code != "xyzzy":
            raise ValueError("code must be xyzzy")
        return self


def test_a_rule_that_no_drawn_record_meets() -> None:
    with pytest.raises(BadTask, match="refused 200 in a row") as raised:
        drawn(Task("picky", Picky, "Read it."), 1)
    assert "code must be xyzzy" in str(raised.value)
