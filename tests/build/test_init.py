"""`boardwright init`: a task folder that holds together from the first minute, or no folder at all."""

from __future__ import annotations

import datetime
import os
import re
import shutil
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from boardwright.build import init
from boardwright.build.init import TEMPLATE, init_task, suggestion
from boardwright.build.near import near_duplicates
from boardwright.schemas.errors import KitError
from boardwright.schemas.examples import Example, read_examples
from boardwright.schemas.records import canonical
from boardwright.schemas.shape import BoolShape, Shape, TextShape, shape_of
from boardwright.schemas.task import Task, load_task

MANY = 3000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return init_task("my-tickets", tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def task(folder: Path) -> Task:
    return load_task(folder)


@pytest.fixture(scope="module")
def documents(task: Task) -> dict[str, list[Example]]:
    generate = task.documents()
    assert generate is not None
    return {part: list(islice(generate(7, part), MANY)) for part in ("train", "valid")}


class TestFolder:
    def test_is_a_task_of_that_name(self, folder: Path, task: Task) -> None:
        assert task.name == folder.name == "my-tickets"
        assert task.folder == folder.resolve()

    def test_holds_what_the_template_holds(self, folder: Path) -> None:
        def files(top: Path) -> set[str]:
            return {str(path.relative_to(top)) for path in top.rglob("*") if "__pycache__" not in path.parts}

        assert files(folder) == files(TEMPLATE)
        assert "examples/examples.jsonl" in files(folder)

    def test_says_its_own_name_everywhere(self, folder: Path) -> None:
        for path in folder.rglob("*.*"):
            if path.is_file() and path.suffix != ".pyc":
                assert "task-name" not in path.read_text(encoding="utf-8")
        assert "boardwright build my-tickets" in (folder / "README.md").read_text(encoding="utf-8")

    def test_shows_every_kind_of_field(self, task: Task) -> None:
        def kinds(shape: Shape) -> Iterator[object]:
            yield shape.verbatim if isinstance(shape, TextShape) else type(shape)
            for inner in getattr(shape, "inner", None), getattr(shape, "item", None):
                if inner is not None:
                    yield from kinds(inner)
            for _, field in getattr(shape, "fields", ()):
                yield from kinds(field)

        assert set(kinds(task.shape)) == {True, False, *Shape.__args__} - {TextShape}
        assert BoolShape in set(kinds(task.shape))

    def test_the_folder_named_on_the_way_is_made(self, tmp_path: Path) -> None:
        assert load_task(init_task("tickets", tmp_path / "a" / "b")).name == "tickets"

    def test_an_empty_folder_is_filled(self, tmp_path: Path) -> None:
        (tmp_path / "tickets").mkdir()
        assert load_task(init_task("tickets", tmp_path)).name == "tickets"


class TestExamples:
    @pytest.fixture
    def examples(self, folder: Path, task: Task) -> list[Example]:
        return read_examples(folder / "examples" / "examples.jsonl", task.record)

    def test_are_twenty_different_ones(self, examples: list[Example]) -> None:
        assert len({example.text for example in examples}) == 20

    def test_can_be_read_from_their_texts(self, task: Task, examples: list[Example]) -> None:
        for example in examples:
            check(task, example)

    def test_are_not_what_the_generator_writes(
        self, examples: list[Example], documents: dict[str, list[Example]]
    ) -> None:
        texts = [example.text for part in documents.values() for example in part]
        assert not any(near_duplicates([e.text for e in examples], texts[::10], threshold=0.3))


class TestDocuments:
    def test_can_be_read_from_their_texts(self, task: Task, documents: dict[str, list[Example]]) -> None:
        for part in documents.values():
            for example in part:
                check(task, example)

    def test_are_thousands_of_different_ones(self, documents: dict[str, list[Example]]) -> None:
        for part in documents.values():
            assert len({example.text for example in part}) > 0.98 * MANY
            assert len({example.id for example in part}) == MANY
            assert all(120 <= len(example.text) <= 270 for example in part)

    def test_the_seed_and_the_part_decide(self, task: Task, documents: dict[str, list[Example]]) -> None:
        generate = task.documents()
        assert generate is not None
        assert list(islice(generate(7, "train"), 50)) == documents["train"][:50]
        assert [e.text for e in islice(generate(8, "train"), 50)] != [e.text for e in documents["train"][:50]]
        with pytest.raises(ValueError, match="part must be one of"):
            generate(7, "test")

    def test_the_parts_share_no_name_and_no_host(self, documents: dict[str, list[Example]]) -> None:
        def words(part: str) -> set[str]:
            senders = [example.record["sender"] for example in documents[part]]
            names = {word for sender in senders for word in sender["name"].split()}
            return names | {sender["email"].split("@")[1] for sender in senders if sender["email"]}

        assert not words("train") & words("valid")

    def test_nothing_held_out_is_nearly_learned(self, documents: dict[str, list[Example]]) -> None:
        train, valid = ([example.text for example in documents[part][:1200]] for part in ("train", "valid"))
        assert not any(near_duplicates(train, valid[:200]))

    def test_every_summary_to_be_scored_could_be_learned(self, documents: dict[str, list[Example]]) -> None:
        def summaries(part: str) -> set[str]:
            return {example.record["summary"] for example in documents[part]}

        assert summaries("valid") == summaries("train")

    @pytest.mark.parametrize("field", ["devices", "since", "amount", "codes", "urgent"])
    def test_every_field_is_sometimes_there_and_sometimes_not(
        self, documents: dict[str, list[Example]], field: str
    ) -> None:
        for part in documents.values():
            there = sum(bool(example.record[field]) for example in part) / len(part)
            assert 0.1 < there < 0.9


def check(task: Task, example: Example) -> None:
    """The record is valid, in canonical form, and stands in the text as far as it must."""
    record = task.record.model_validate(example.record)
    assert record.model_dump(mode="json") == example.record, canonical(record)
    fields: dict[str, Any] = dict(record)
    sender = example.record["sender"]
    for verbatim in (sender["name"], sender["email"], *example.record["codes"]):
        assert verbatim is None or verbatim in example.text
    if fields["amount"] is not None:
        assert isinstance(fields["amount"], Decimal)
        assert f"{fields['amount']:.2f}" in example.text.replace(",", "")
    if fields["since"] is not None:
        assert isinstance(fields["since"], datetime.date)
        assert str(fields["since"].year) in example.text
        assert re.search(rf"\b0?{fields['since'].day}\b", example.text)


class TestRefusals:
    @pytest.mark.parametrize(
        "name", ["", "My Tickets", "tickets!", "-x", "x-", "a--b", "9lives", "../x", "a/b", "tïckets", "x" * 41, "x\n"]
    )
    def test_a_name_that_no_task_can_have(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(KitError, match="no name for a task") as raised:
            init_task(name, tmp_path)
        assert raised.value.exit_code == 2
        assert not list(tmp_path.iterdir())
        assert init_task(suggestion(name), tmp_path).is_dir()

    def test_the_name_of_a_shipped_task(self, tmp_path: Path) -> None:
        with pytest.raises(KitError, match="shipped task") as raised:
            init_task("invoice", tmp_path)
        assert raised.value.next == "boardwright init my-invoice"

    def test_a_folder_with_something_in_it_stays_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "tickets").mkdir()
        (tmp_path / "tickets" / "mine.txt").write_text("work of a week")
        with pytest.raises(KitError, match="taken"):
            init_task("tickets", tmp_path)
        assert [path.name for path in tmp_path.rglob("*")] == ["tickets", "mine.txt"]

    @pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("elsewhere")])
    def test_a_file_or_link_in_the_way(self, tmp_path: Path, make: Any) -> None:
        make(tmp_path / "tickets")
        with pytest.raises(KitError, match="taken"):
            init_task("tickets", tmp_path)

    def test_a_file_where_the_folder_is_to_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "work").touch()
        with pytest.raises(KitError, match="Cannot make the task's folder"):
            init_task("tickets", tmp_path / "work")

    def test_a_failure_on_the_way_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(28, os.strerror(28))

        monkeypatch.setattr(shutil, "copyfile", full)
        with pytest.raises(KitError):
            init_task("tickets", tmp_path)
        assert not list(tmp_path.iterdir())

    def test_a_template_that_cannot_be_written_to_makes_a_folder_that_can(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.copytree(TEMPLATE, tmp_path / "template")
        for path in [*(tmp_path / "template").rglob("*"), tmp_path / "template"]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        monkeypatch.setattr(init, "TEMPLATE", tmp_path / "template")
        made = init_task("tickets", tmp_path)
        assert all(path.stat().st_mode & 0o200 for path in (made, *made.rglob("*")))


def test_the_template_is_a_task_itself() -> None:
    assert shape_of(load_task(TEMPLATE).record)
