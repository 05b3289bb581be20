"""Examples in, two parts out: nothing stands in both, and no document ever changes sides."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel

from boardwright.build.data import HELD_OUT_LEAST, HELD_OUT_MOST, HELD_OUT_SHARE, prepare
from boardwright.build.data_report import DataReport
from boardwright.build.summary import data_text
from boardwright.schemas.errors import BadExample, BadTask
from boardwright.schemas.examples import Example, read_examples, write_examples
from boardwright.schemas.fields import Text, Verbatim
from boardwright.schemas.task import Checks, Task

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
    return DataReport.from_json(json.loads((tmp_path / "data_report.json").read_text()))


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
        told = report(tmp_path)
        assert (told.read, told.kept, told.held_out, told.rejected) == (31, 30, 3, {"duplicate": 1})

    def test_what_is_nearly_held_out_is_not_learned(self, tmp_path: Path) -> None:
        held = distinct(3, start=100)
        near = Example("near", held[0].text + "!!! 9", {"kind": "bug"})
        train, valid = split(tmp_path, [*distinct(5), near], held)
        assert "near" not in train
        assert valid == {"d100", "d101", "d102"}
        assert report(tmp_path).rejected == {"leak": 1}

    def test_nothing_left_to_learn(self, tmp_path: Path) -> None:
        with pytest.raises(BadExample, match="No training example is left"):
            split(tmp_path, distinct(5), distinct(5))


class TestTurningAway:
    """What a person labelled is left out for a fault, never for a guess."""

    def test_each_reason_is_counted_and_shown_by_a_row(self, tmp_path: Path) -> None:
        examples = distinct(30)
        near = Example("near", examples[3].text + " 9", examples[3].record)
        split(tmp_path, [*examples, near], distinct(3, start=100))
        told = report(tmp_path)
        assert told.rejected == {"duplicate": 1}
        assert told.first_rejected[0].id == "near" and examples[3].id in told.first_rejected[0].detail

    def test_two_documents_of_one_form_are_both_learned(self, tmp_path: Path) -> None:
        examples = distinct(30)
        other = Example("other", examples[3].text + " 9", {"kind": "question"})
        train, _ = split(tmp_path, [*examples, other], distinct(3, start=100))
        assert {"d3", "other"} <= train

    def test_a_value_in_nearly_every_row_is_told_of_and_nothing_is_dropped(self, tmp_path: Path) -> None:
        train, _ = split(tmp_path, distinct(120), distinct(3, start=200))
        told = report(tmp_path)
        assert len(train) == 120 and told.rejected == {}
        assert told.doubted["balance"] > 0
        assert told.over == ['kind is "bug" in 100%']
        assert told.fields[0].top == [('"bug"', 1.0)]

    def test_of_rows_that_a_teacher_wrote_the_surplus_is_left_out(self, tmp_path: Path) -> None:
        lines = [json.loads(example.line()) | {"origin": {"teacher": "t"}} for example in distinct(120)]
        (tmp_path / "all.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        write_examples(tmp_path / "held.jsonl", distinct(3, start=200))
        prepare(TASK, tmp_path / "all.jsonl", tmp_path / "held.jsonl", (0, 0), 0, tmp_path)
        assert report(tmp_path).rejected["balance"] > 60 and report(tmp_path).doubted == {}


class Shop(BaseModel):
    name: Annotated[str, Text(20, printed=True)] | None


def test_printed_values_are_learnt_and_asked_for_as_their_documents_have_them(tmp_path: Path) -> None:
    def rows(names: Sequence[str | None], start: int) -> list[Example]:
        drawn = zip(distinct(len(names), start), names, strict=True)
        return [Example(example.id, f"ACME LTD\n{example.text}", {"name": name}) for example, name in drawn]

    write_examples(tmp_path / "all.jsonl", rows(["Acme Ltd.", "ACME LTD", "Other", None], 0))
    write_examples(tmp_path / "held.jsonl", rows(["acme, ltd"], 100))
    told = prepare(Task("shops", Shop, "Who?"), tmp_path / "all.jsonl", tmp_path / "held.jsonl", (0, 0), 0, tmp_path)
    train, valid = (read_examples(tmp_path / f"{part}.jsonl", Shop) for part in ("train", "valid"))
    assert [one.record["name"] for one in train] == ["ACME LTD", "ACME LTD", "Other", None]
    assert [one.record["name"] for one in valid] == ["ACME LTD"]
    assert (told.kept, told.respelled) == (4, 1)
    assert "of 1 a value is learnt as the document prints it" in data_text(told)


class Copied(BaseModel):
    name: Annotated[str, Verbatim(20)] | None


class TestContradictions:
    """Held-out records that the task rules out would be counted against every student."""

    def prepare(self, tmp_path: Path, held_out: Sequence[Example], required: tuple[str, ...] = ()) -> DataReport:
        task = Task("copies", Copied, "Copy it.", checks=Checks(required=required))
        write_examples(tmp_path / "all.jsonl", [Example(e.id, e.text, {"name": None}) for e in distinct(5)])
        write_examples(tmp_path / "held.jsonl", held_out)
        return prepare(task, tmp_path / "all.jsonl", tmp_path / "held.jsonl", (0, 0), 0, tmp_path)

    def gold(self, count: int, name: str | None) -> list[Example]:
        return [Example(f"g{e.id}", f"{e.text} ACME", {"name": name}) for e in distinct(count, start=300)]

    def test_are_one_error_with_line_field_and_value(self, tmp_path: Path) -> None:
        with pytest.raises(BadExample, match="contradict the task in 3 values") as raised:
            self.prepare(tmp_path, [*self.gold(1, "ACME"), *self.gold(4, "Acme Ltd")[1:]])
        assert raised.value.where == f"{tmp_path / 'held.jsonl'}:2 record.name"
        assert raised.value.value == "Acme Ltd"

    def test_null_in_a_field_that_the_task_requires(self, tmp_path: Path) -> None:
        with pytest.raises(BadExample, match="the task requires a value"):
            self.prepare(tmp_path, self.gold(3, None), required=("name",))

    def test_a_slip_of_the_pen_is_told_of(self, tmp_path: Path) -> None:
        told = self.prepare(tmp_path, [*self.gold(19, "ACME"), Example("slip", "of the pen", {"name": "ACME"})])
        assert told.doubted == {"grounding": 1} and told.first_doubted[0].id == "slip"


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
