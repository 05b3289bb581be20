"""A task is a folder: it loads by name or by path, and what is wrong with it is said in words when it loads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from pydantic import ValidationError

from boardwright.schemas.errors import BadDocument, BadTask
from boardwright.schemas.examples import Example
from boardwright.schemas.shape import ChoiceShape, NullableShape, ObjectShape, longest
from boardwright.schemas.task import SHIPPED, Limits, files_of, load_task, shipped_tasks

MODEL = """
import datetime
from decimal import Decimal
from typing import Annotated, Literal
from pydantic import BaseModel
from boardwright.schemas.fields import Items, Number, Text, Verbatim
from boardwright.schemas.task import Checks, Limits, Task

class Ticket(BaseModel):
    customer: Annotated[str, Verbatim(40)] | None
    summary: Annotated[str, Text(60)]
    amount: Annotated[Decimal, Number()] | None
    kind: Literal["bug", "question"]


class Only(BaseModel):
    kind: Literal["bug"]


class Shop(BaseModel):
    name: Annotated[str, Text(20, printed=True)] | None


class Chain(BaseModel):
    shops: Annotated[list[Shop], Items(2)]
"""
TICKET = MODEL + '\ntask = Task(name="ticket", record=Ticket, instruction="Read the ticket.")\n'

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write task.py, and other modules by name; return the folder."""

    def write(task: str, **modules: str) -> Path:
        folder = tmp_path / "ticket"
        folder.mkdir()
        for name, text in {"task": task, **modules}.items():
            (folder / f"{name}.py").write_text(text, encoding="utf-8")
        return folder

    return write


@pytest.fixture(autouse=True)
def no_modules_left() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("boardwright_task_"):
            del sys.modules[name]


def task_with(arguments: str) -> str:
    return f"{MODEL}\ntask = Task({arguments})\n"


class TestLoading:
    @pytest.mark.parametrize("name", shipped_tasks())
    def test_a_shipped_task_by_name(self, name: str) -> None:
        task = load_task(name)
        assert task.name == name
        assert task.folder == SHIPPED / name

    def test_the_shipped_tasks(self) -> None:
        extraction, lists = ["invoice", "receipt"], ["facts", "questions", "triples", "redaction"]
        choices = ["intents", "routing", "policy", "gesture", "localisation"]
        assert shipped_tasks() == sorted([*extraction, *lists, *choices, "passages", "parts"])

    def test_a_folder_or_its_task_py(self, write: Write) -> None:
        folder = write(TICKET)
        assert load_task(folder).folder == load_task(folder / "task.py").folder == folder.resolve()
        assert load_task(str(folder)).name == "ticket"

    def test_a_path_from_here(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = write(TICKET)
        monkeypatch.chdir(folder)
        assert load_task(".").folder == load_task("task.py").folder == load_task(Path("../ticket")).folder == folder

    def test_a_folder_of_ones_own_comes_before_a_shipped_task(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "invoice").mkdir()
        (tmp_path / "invoice" / "task.py").write_text(TICKET)
        monkeypatch.chdir(tmp_path)
        assert load_task("invoice").name == "ticket"

    def test_modules_beside_it(self, write: Write) -> None:
        folder = write("from ._models import Ticket, Task\ntask = Task('ticket', Ticket, 'Read.')", _models=MODEL)
        assert load_task(folder).record.__name__ == "Ticket"

    def test_two_folders_of_one_name_do_not_mix(self, tmp_path: Path) -> None:
        for place, kind in (("a", "rant"), ("b", "praise")):
            folder = tmp_path / place / "ticket"
            folder.mkdir(parents=True)
            (folder / "_kinds.py").write_text(f'from typing import Literal\nKind = Literal["{kind}"]\n')
            (folder / "task.py").write_text(
                "from ._kinds import Kind\n" + TICKET.replace("    kind:", "    mood: Kind\n    kind:")
            )
        shapes = [load_task(tmp_path / place / "ticket").shape for place in "ab"]
        assert [dict(shape.fields)["mood"].values for shape in shapes] == [("rant",), ("praise",)]  # type: ignore[union-attr]

    def test_annotations_that_are_resolved_later(self, write: Write) -> None:
        assert load_task(write("from __future__ import annotations\n" + TICKET)).shape.fields[0][0] == "customer"

    def test_a_second_name_for_the_task_is_no_second_task(self, write: Write) -> None:
        assert load_task(write(TICKET + "TICKET = task\n")).name == "ticket"

    def test_loading_again_sees_a_change(self, write: Write) -> None:
        folder = write(TICKET)
        load_task(folder)
        (folder / "task.py").write_text(TICKET.replace("Read the ticket.", "Read this ticket."))
        assert load_task(folder).instruction == "Read this ticket."


class TestContract:
    def test_comparators_follow_the_types(self, write: Write) -> None:
        assert load_task(write(TICKET)).all_comparators == {
            "customer": "exact",
            "summary": "text",
            "amount": "number",
            "kind": "exact",
        }

    def test_comparators_of_the_users_own_come_first(self, write: Write) -> None:
        task = load_task(write(task_with('"t", Ticket, "Read.", comparators={"customer": "text"}')))
        assert task.all_comparators["customer"] == "text"
        assert list(task.all_comparators) == ["customer", "summary", "amount", "kind"]

    def test_the_prompt_holds_instruction_and_document(self, write: Write) -> None:
        prompt = load_task(write(TICKET)).prompt("It fails.")
        assert "Read the ticket." in prompt.prefix
        assert prompt.document == "It fails."


class TestClosedSetOfAFile:
    TASK = """
from pathlib import Path
from typing import Annotated
from pydantic import BaseModel
from boardwright.schemas.fields import OneOf
from boardwright.schemas.task import Task

class Request(BaseModel):
    intent: Annotated[str, OneOf.lines(Path(__file__).with_name("intents.txt"))]
    second: Annotated[str, OneOf(("a", "b"))] | None

task = Task("ticket", Request, "What is it?", escalate={"intent": ["other"]})
"""

    @pytest.fixture
    def folder(self, write: Write) -> Path:
        folder = write(self.TASK)
        (folder / "intents.txt").write_text("# What they want\nbook\n\n  cancel it \nother\n", encoding="utf-8")
        return folder

    def test_its_lines_are_the_values(self, folder: Path) -> None:
        task = load_task(folder)
        assert task.shape == ObjectShape(
            (
                ("intent", ChoiceShape(("book", "cancel it", "other"))),
                ("second", NullableShape(ChoiceShape(("a", "b")))),
            )
        )
        assert task.all_comparators == {"intent": "exact", "second": "exact"}
        with pytest.raises(ValidationError):
            task.record.model_validate({"intent": "cancel", "second": None})

    def test_it_goes_to_a_board_with_the_task(self, folder: Path) -> None:
        (folder / "documents.py").touch()
        assert [path.name for path in files_of(folder)] == ["task.py", "intents.txt"]

    def test_a_value_sends_a_document_to_a_person(self, folder: Path) -> None:
        task = load_task(folder)
        fields = [task.escalated(task.record(intent=intent, second="a")) for intent in ("book", "other")]
        assert fields == [[], ["intent"]]

    @pytest.mark.parametrize("content", ["", "# nothing\n"])
    def test_a_file_without_a_value(self, folder: Path, content: str) -> None:
        (folder / "intents.txt").write_text(content)
        with pytest.raises(BadTask):
            load_task(folder)


class TestReading:
    TASK = """
from typing import Literal
from pydantic import BaseModel
from boardwright.schemas.task import Task

class Line(BaseModel):
    kind: Literal["low", "high"]

task = Task("ticket", Line, "Which?", reading=lambda text: str(int(text) // 100))
"""

    def test_the_student_reads_what_it_makes(self, write: Write) -> None:
        task = load_task(write(self.TASK))
        assert task.prompt("730").document == "7"
        assert task.prompt("").prefix == task.prompt("730").prefix

    def test_what_it_cannot_read_is_no_document(self, write: Write) -> None:
        with pytest.raises(BadDocument, match="invalid literal"):
            load_task(write(self.TASK)).prompt("hello")

    def test_another_reading_is_another_prompt(self, write: Write) -> None:
        folder = write(self.TASK)
        before = load_task(folder).prompt_source
        assert load_task(folder).prompt_source == before
        (folder / "task.py").write_text(self.TASK.replace("100", "10"))
        assert load_task(folder).prompt_source != before


class TestNeighbour:
    TASK = """
from typing import Literal
from pydantic import BaseModel
from boardwright.schemas.task import Task

class Line(BaseModel):
    kind: Literal["bug", "question"]

task = Task("ticket", Line, "Which?", neighbour=True)
"""
    LEARNT = (Example("1", "Zoe: it broke", {"kind": "bug"}), Example("2", "Ada: how come?", {"kind": "question"}))

    def test_the_nearest_record_stands_before_the_document(self, write: Write) -> None:
        task = load_task(write(self.TASK)).having_learnt(self.LEARNT)
        assert task.prompt("Ada: why?").document == 'Similar: {"kind":"question"}\n\nAda: why?'
        assert task.prompt("Ada: why?", neighbour_of="").document == "Ada: why?"
        assert (
            task.prompt("Bob, hello", neighbour_of="Ada: why?").document == 'Similar: {"kind":"question"}\n\nBob, hello'
        )
        assert task.prompt("Bob, hello").document == "Bob, hello"

    def test_other_neighbours_are_another_prompt(self, write: Write) -> None:
        task = load_task(write(self.TASK))
        sources = {task.having_learnt(some).prompt_source for some in (self.LEARNT, self.LEARNT[:1])}
        assert len(sources | {task.prompt_source}) == 3
        assert task.having_learnt(self.LEARNT).prompt("").prefix == task.prompt("").prefix

    def test_a_task_that_shows_none_learns_none(self, write: Write) -> None:
        task = load_task(write(TestReading.TASK))
        assert task.having_learnt(self.LEARNT) is task

    def test_it_goes_where_the_context_has_no_room(self, write: Write) -> None:
        task = load_task(write(self.TASK)).having_learnt(self.LEARNT)

        def tokens(text: str, neighbour_of: str | None = None) -> int:
            prompt = task.prompt(text, neighbour_of=neighbour_of)
            return len(prompt.prefix + prompt.document + prompt.suffix)

        def found(text: str, context: int) -> int:
            short = replace(task, limits=Limits(context=context))
            return sum(map(len, short.prompt_ids(text, lambda part, special: list(part.encode()))))

        record = longest(task.shape)
        both, alone = tokens("Ada: why?"), tokens("Ada: why?", "")
        assert found("Ada: why?", both + record) == both
        assert found("Ada: why?", both + record - 1) == alone


class TestConventions:
    LEARNT = tuple(
        Example(f"{n}", f"{shop}\nTOTAL RM {n}.00", {"company": shop, "date": None, "address": None, "total": total})
        for n in range(10, 30)
        for shop, total in [("THE BAKER", f"RM {n}.00") if n % 2 else ("BLUE GARAGE", f"{n}.00")]
    )

    def test_a_value_in_doubt_is_written_as_its_neighbour_has_it(self) -> None:
        task = load_task("receipt").having_learnt(self.LEARNT)
        record = task.record(company="THE BAKER", date=None, address=None, total="5.00")
        text = "THE BAKER\nTOTAL RM 5.00"
        assert task.conformed(record, text, {"total": -0.5}) == record.model_copy(update={"total": "RM 5.00"})
        assert task.conformed(record, text, {"total": 0.0}) is record
        assert task.conformed(record, text.replace("THE BAKER", "BLUE GARAGE"), {"total": -0.5}) is record

    def test_one_that_would_be_longer_than_its_field_stays(self) -> None:
        task = load_task("receipt").having_learnt(self.LEARNT)
        total = "5000000000000.00"
        record = task.record(company=None, date=None, address=None, total=total)
        assert task.conformed(record, f"THE BAKER\nTOTAL RM {total}", {}) is record

    def test_a_task_that_learnt_none_changes_nothing(self) -> None:
        for task in (load_task("receipt"), load_task("receipt").having_learnt(self.LEARNT[:3])):
            record = task.record(company=None, date=None, address=None, total="RM 5.00")
            assert task.conformed(record, "BLUE GARAGE\nTOTAL RM 5.00", {}) is record


class TestRecurring:
    SHOPS = ("BAKER", "BUTCHER", "CHEMIST", "COBBLER", "FLORIST", "GROCER", "JOINER", "TAILOR", "TINSMITH", "WEAVER")
    LEARNT = tuple(
        Example(
            f"{n}",
            f"THE {shop}\n{shop}S LANE, {shop}TOWN\nCALL {shop}1, {shop}2, {shop}3, {shop}4, {shop}5\nTOTAL {n}.00",
            {"company": f"THE {shop}", "date": None, "address": None, "total": f"{n}.00"},
        )
        for n, shop in zip(range(10, 50), SHOPS * 4, strict=True)
    )
    TEXT = "THE BARER\nBAKERS LANE, BAKERTOWN\nCALL BAKER1, BAKER2, BAKER3, BAKER4, BAKER5\nTOTAL 5.00"

    def test_a_value_in_doubt_becomes_that_of_a_document_much_like_it(self) -> None:
        task = load_task("receipt").having_learnt(self.LEARNT)
        record = task.record(company="THE BARER", date=None, address=None, total="5.00")
        mended = record.model_copy(update={"company": "THE BAKER"})
        assert task.conformed(record, self.TEXT, {"company": -0.7}) == mended
        assert task.conformed(record, self.TEXT, {"company": 0.0}) is record
        assert task.conformed(record, "THE BARER\nCALL BAKER1\nTOTAL 5.00", {"company": -0.7}) is record

    def test_totals_do_not_recur(self) -> None:
        task = load_task("receipt").having_learnt(self.LEARNT)
        assert task.neighbours and set(task.neighbours.recurring) == {"company"}


class TestDocuments:
    GENERATE = """
from boardwright.schemas.examples import Example

def generate(seed, part):
    while True:
        yield Example(f"{part}-{seed}", "text", {})
"""

    def test_come_from_the_folder(self, write: Write) -> None:
        generate = load_task(write(TICKET, documents=self.GENERATE)).documents()
        assert generate is not None
        assert list(islice(generate(3, "valid"), 1)) == [Example("valid-3", "text", {})]

    def test_may_use_modules_beside_them(self, write: Write) -> None:
        folder = write(TICKET, documents="from ._all import generate", _all=self.GENERATE)
        assert load_task(folder).documents() is not None

    def test_need_not_be_there(self, write: Write) -> None:
        assert load_task(write(TICKET)).documents() is None

    def test_without_a_generate(self, write: Write) -> None:
        task = load_task(write(TICKET, documents="def make(): pass"))
        with pytest.raises(BadTask, match="no generate") as raised:
            task.documents()
        assert raised.value.where == task.folder / "documents.py"

    def test_that_do_not_load(self, write: Write) -> None:
        task = load_task(write(TICKET, documents="import nowhere_to_be_found"))
        with pytest.raises(BadTask, match=r"documents\.py does not load: ModuleNotFoundError"):
            task.documents()


class TestUnknown:
    @pytest.mark.parametrize("name", ["invioce", "Invoice", "invoices"])
    def test_a_name_near_a_shipped_one(self, name: str) -> None:
        with pytest.raises(BadTask, match="There is no such task") as raised:
            load_task(name)
        assert raised.value.next == "did you mean 'invoice'?"
        assert "triples, or a folder" in str(raised.value.allowed)

    def test_a_name_near_none(self) -> None:
        with pytest.raises(BadTask) as raised:
            load_task("weather")
        assert "boardwright init" in str(raised.value.next)

    @pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: None])
    def test_a_path_without_a_task(self, tmp_path: Path, make: Callable[[Path], object]) -> None:
        make(tmp_path / "empty")
        with pytest.raises(BadTask, match="There is no such task"):
            load_task(tmp_path / "empty")


class TestBroken:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("task = Task(", "SyntaxError"),
            ("import nowhere_to_be_found", "ModuleNotFoundError"),
            ("1 / 0", "ZeroDivisionError: division by zero"),
            ("from ._missing import x", "ModuleNotFoundError"),
            (task_with('name="t"'), "TypeError"),
            (MODEL.replace("Text(60)", "Text(-1)"), "SchemaError"),
        ],
    )
    def test_it_does_not_load(self, write: Write, text: str, reason: str) -> None:
        folder = write(text)
        with pytest.raises(BadTask, match=r"task\.py does not load") as raised:
            load_task(folder)
        assert reason in raised.value.what
        assert raised.value.where == folder / "task.py"
        assert raised.value.__cause__ is not None

    def test_a_broken_load_leaves_no_half_module(self, write: Write) -> None:
        folder = write("1 / 0")
        before = set(sys.modules)
        with pytest.raises(BadTask):
            load_task(folder)
        assert not [name for name in set(sys.modules) - before if name.endswith(".task")]

    @pytest.mark.parametrize(
        ("text", "count"), [(MODEL, 0), (TICKET + 'other = Task("other", Ticket, "Read it otherwise.")', 2)]
    )
    def test_none_or_several_tasks(self, write: Write, text: str, count: int) -> None:
        folder = write(text)
        with pytest.raises(BadTask, match=f"holds {count} tasks") as raised:
            load_task(folder)
        assert raised.value.where == folder / "task.py"

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            ('"", Ticket, "Read."', "name cannot be used"),
            ('"My Ticket", Ticket, "Read."', "name cannot be used"),
            ('"ticket\\n", Ticket, "Read."', "name cannot be used"),
            ('"../ticket", Ticket, "Read."', "name cannot be used"),
            ('"tïcket", Ticket, "Read."', "name cannot be used"),
            ('5, Ticket, "Read."', "name cannot be used"),
            ('"ticket", dict, "Read."', "record is not a pydantic model"),
            ('"ticket", Ticket(summary="a", customer=None, amount=None, kind="bug"), "Read."', "not a pydantic model"),
            ('"ticket", Only, "Read."', "nothing to read"),
            ('"ticket", Ticket, " "', "instruction is empty"),
            ('"ticket", Ticket, None', "instruction is empty"),
            ('"ticket", Ticket, "Read.", comparators={"costumer": "text"}', "comparator names no field"),
            ('"ticket", Ticket, "Read.", comparators={"summary": "fuzzy"}', "Unknown comparator"),
            ('"ticket", Ticket, "Read.", checks=Checks(required=("costumer",))', "check names no field"),
            ('"ticket", Ticket, "Read.", checks=Checks(in_text=("costumer",))', "check names no field"),
            ('"ticket", Ticket, "Read.", checks=Checks(rewritten=("costumer",))', "check names no field"),
            ('"ticket", Ticket, "Read.", limits=Limits(context=150)', "no room for a document"),
            ('"ticket", Ticket, "Read.", escalate={"summary": ("x",)}', "no field of a closed set"),
            ('"ticket", Ticket, "Read.", escalate={"kinds": ("bug",)}', "no field of a closed set"),
            ('"ticket", Ticket, "Read.", escalate={"kind": ("oos",)}', "a value that the field can't have"),
            ('"ticket", Ticket, "Read.", reading=str.lower', "can't copy from the document"),
            ('"ticket", Shop, "Read.", comparators={"name": "exact"}', "compared as text"),
            ('"ticket", Chain, "Read."', "no part of one"),
        ],
    )
    def test_a_contract_that_cannot_be_kept(self, write: Write, arguments: str, reason: str) -> None:
        folder = write(task_with(arguments))
        with pytest.raises(BadTask, match=reason) as raised:
            load_task(folder)
        assert str(folder / "task.py") in str(raised.value.where)

    def test_what_is_allowed_is_said(self, write: Write) -> None:
        with pytest.raises(BadTask) as raised:
            load_task(write(task_with('"ticket", Ticket, "Read.", comparators={"summary": "fuzzy"}')))
        assert str(raised.value.where).endswith("task.py summary")
        assert raised.value.allowed == "exact, text, number"

    def test_a_field_without_a_bound_is_refused_with_its_path(self, write: Write) -> None:
        folder = write(TICKET.replace("Annotated[str, Text(60)]", "str"))
        with pytest.raises(BadTask, match="a string needs a largest length") as raised:
            load_task(folder)
        assert raised.value.where == "summary"
        assert raised.value.exit_code == 2

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    def test_a_task_py_that_cannot_be_read(self, write: Write) -> None:
        folder = write(TICKET)
        (folder / "task.py").chmod(0)
        with pytest.raises(BadTask, match="PermissionError"):
            load_task(folder)
