"""Examples in, two parts out: nothing stands in both, and no document ever changes sides."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from boardwright.build.data import (
    HELD_OUT_LEAST,
    HELD_OUT_MOST,
    HELD_OUT_SHARE,
    NEAR,
    SHINGLE,
    DataReport,
    near_duplicates,
    prepare,
)
from boardwright.schemas.compare import fold
from boardwright.schemas.errors import BadExample, BadTask
from boardwright.schemas.examples import Example, read_examples, write_examples
from boardwright.schemas.task import Task

DOCUMENTS_PY = """
import itertools, random
from boardwright.schemas.examples import Example

def generate(seed, part):
    rng = random.Random(f"{seed} {part}")
    for i in itertools.count():
        yield Example(f"{part}-{i}", f"{part} {rng.random()} {rng.random()}", {"kind": "bug"})
"""


class Kind(BaseModel):
    kind: Literal["bug", "question"]


TASK = Task("kinds", Kind, "Read it.")


def distinct(count: int, start: int = 0) -> list[Example]:
    """Documents that have next to nothing in common."""
    return [
        Example(f"d{i}", " ".join(str(i * 7919 + k * 104_729) for k in range(12)), {"kind": "bug"})
        for i in range(start, start + count)
    ]


def split(tmp_path: Path, examples: Sequence[Example], valid: Sequence[Example] = ()) -> tuple[set[str], set[str]]:
    """Ids of both parts."""
    write_examples(tmp_path / "all.jsonl", examples)
    write_examples(tmp_path / "held.jsonl", valid)
    prepare(TASK, tmp_path / "all.jsonl", tmp_path / "held.jsonl" if valid else None, (0, 0), 0, tmp_path)
    return ids(tmp_path / "train.jsonl"), ids(tmp_path / "valid.jsonl")


def ids(path: Path) -> set[str]:
    return {example.id for example in read_examples(path, Kind)}


def report(tmp_path: Path) -> DataReport:
    return DataReport(**json.loads((tmp_path / "data_report.json").read_text()))


class TestHoldingOut:
    def test_a_tenth_is_held_out(self, tmp_path: Path) -> None:
        train, valid = split(tmp_path, distinct(1000))
        assert len(valid) == pytest.approx(1000 * HELD_OUT_SHARE, rel=0.3)
        assert len(train) + len(valid) == 1000
        assert not train & valid

    def test_the_same_on_every_run_and_in_any_order(self, tmp_path: Path) -> None:
        assert split(tmp_path, distinct(200)) == split(tmp_path, distinct(200)[::-1])

    @pytest.mark.parametrize(("before", "after"), [(300, 301), (300, 900), (3000, 4500)])
    def test_more_documents_move_none_across(self, tmp_path: Path, before: int, after: int) -> None:
        train, valid = split(tmp_path, distinct(before))
        more_train, more_valid = split(tmp_path, distinct(after))
        assert not valid & more_train
        assert not train & more_valid
        assert train < more_train

    def test_no_more_than_scoring_has_time_for(self, tmp_path: Path) -> None:
        train, valid = split(tmp_path, distinct(4500))
        assert len(valid) == HELD_OUT_MOST
        assert report(tmp_path).spare == 4500 - len(train) - len(valid) > 0

    def test_enough_to_tell_something(self, tmp_path: Path) -> None:
        train, valid = split(tmp_path, distinct(2 * HELD_OUT_LEAST))
        assert len(train) == len(valid) == HELD_OUT_LEAST

    def test_too_few_different_examples(self, tmp_path: Path) -> None:
        few = distinct(2 * HELD_OUT_LEAST - 1)
        copies = [Example(f"copy of {e.id}", e.text.replace(" ", "\n"), e.record) for e in few]
        with pytest.raises(BadExample, match="too few different examples") as raised:
            split(tmp_path, few + copies)
        assert raised.value.value == len(few)
        assert "--valid" in str(raised.value)

    def test_a_file_of_its_own_is_taken_whole(self, tmp_path: Path) -> None:
        assert split(tmp_path, distinct(5), distinct(3, start=100)) == (
            {"d0", "d1", "d2", "d3", "d4"},
            {"d100", "d101", "d102"},
        )


class TestLeaks:
    def test_one_text_twice_is_learned_once(self, tmp_path: Path) -> None:
        examples = distinct(30)
        again = Example("again", examples[0].text.replace(" ", " , ").upper(), {"kind": "question"})
        train, _ = split(tmp_path, [*examples, again], distinct(3, start=100))
        assert len(train & {"d0", "again"}) == 1
        assert report(tmp_path) == DataReport(31, 1, 0, 0, 0, 30, 3)

    def test_what_is_nearly_held_out_is_not_learned(self, tmp_path: Path) -> None:
        held = distinct(3, start=100)
        near = Example("near", held[0].text + "!!! 9", {"kind": "bug"})
        train, valid = split(tmp_path, [*distinct(5), near], held)
        assert "near" not in train
        assert valid == {"d100", "d101", "d102"}
        assert report(tmp_path).near_held_out_dropped == 1

    def test_nothing_left_to_learn(self, tmp_path: Path) -> None:
        with pytest.raises(BadExample, match="No training example is left"):
            split(tmp_path, distinct(5), distinct(5))


shingled = st.lists(st.sampled_from(["invoice", "total", "12.50", "Müller & Co.", "x", "!", "\n"]), max_size=9).map(
    " ".join
)


class TestNearDuplicates:
    @given(st.lists(shingled, max_size=6), st.lists(shingled, max_size=6), st.sampled_from([0.3, 0.5, NEAR, 1.0]))
    def test_as_counted_one_by_one(self, texts: list[str], others: list[str], threshold: float) -> None:
        def near(one: str, other: str) -> bool:
            a, b = pieces(one), pieces(other)
            return len(a & b) >= threshold * len(a | b)

        expected = [any(near(text, other) for other in others) for text in texts]
        assert near_duplicates(texts, others, threshold) == expected

    def test_case_and_punctuation_make_no_difference(self) -> None:
        assert near_duplicates(["TOTAL: 12.50 (Müller & Co.)"], ["total 1250, müller co"]) == [True]

    def test_one_letterhead_is_not_one_receipt(self) -> None:
        letterhead = "Corner Shop Ltd 12 High Street "
        first = letterhead + "milk 1.20 bread 2.30 total 3.50 02/03/2026 cash 5.00"
        second = letterhead + "eggs 4.10 apples 0.90 total 5.00 14/05/2026 card 9981"
        assert near_duplicates([first], [second]) == [False]


def pieces(text: str) -> set[str]:
    folded = fold(text)
    return {folded[i : i + SHINGLE] for i in range(len(folded) - SHINGLE + 1)} or {folded}


class TestSources:
    @pytest.fixture
    def drawing(self, tmp_path: Path) -> Task:
        folder = tmp_path / "kinds"
        folder.mkdir()
        (folder / "documents.py").write_text(DOCUMENTS_PY)
        return Task("kinds", Kind, "Read it.", folder=folder)

    def prepared(self, task: Task, folder: Path, counts: tuple[int, int] = (40, 10), seed: int = 7) -> Iterator[bytes]:
        folder.mkdir()
        prepare(task, None, None, counts, seed, folder)
        return iter([(folder / "train.jsonl").read_bytes(), (folder / "valid.jsonl").read_bytes()])

    def test_synthetic_documents_of_both_parts(self, drawing: Task, tmp_path: Path) -> None:
        self.prepared(drawing, tmp_path / "a")
        assert ids(tmp_path / "a" / "train.jsonl") == {f"train-{i}" for i in range(40)}
        assert ids(tmp_path / "a" / "valid.jsonl") == {f"valid-{i}" for i in range(10)}

    def test_a_seed_is_a_set_of_documents(self, drawing: Task, tmp_path: Path) -> None:
        first, again = list(self.prepared(drawing, tmp_path / "a")), list(self.prepared(drawing, tmp_path / "b"))
        other = list(self.prepared(drawing, tmp_path / "c", seed=8))
        assert first == again
        assert all(one != two for one, two in itertools.zip_longest(first, other))

    def test_a_held_out_file_without_examples(self, tmp_path: Path) -> None:
        write_examples(tmp_path / "held.jsonl", distinct(3))
        with pytest.raises(BadTask, match="--valid needs --examples"):
            prepare(TASK, None, tmp_path / "held.jsonl", (10, 10), 0, tmp_path)

    def test_neither_examples_nor_documents(self, tmp_path: Path) -> None:
        with pytest.raises(BadTask, match="no synthetic documents") as raised:
            prepare(Task("kinds", Kind, "Read it.", folder=tmp_path), None, None, (10, 10), 0, tmp_path)
        assert raised.value.where == tmp_path
        assert "--examples" in str(raised.value.next)

    def test_an_error_in_a_file_names_its_line(self, tmp_path: Path) -> None:
        (tmp_path / "bad.jsonl").write_text('{"id": "1", "text": "a", "record": {"kind": "rant"}}\n')
        with pytest.raises(BadExample) as raised:
            prepare(TASK, tmp_path / "bad.jsonl", None, (0, 0), 0, tmp_path)
        assert raised.value.where == f"{tmp_path / 'bad.jsonl'}:1 record.kind"
