"""Local teachers on their real runtimes, with the student itself as the teacher."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel

from boardwright.build.json_schema import json_schema
from boardwright.build.prompts import document_schema, label_prompt
from boardwright.build.store import Store
from boardwright.build.student import resolve_student
from boardwright.build.teachers.base import Answer, BadTeacher, Question, Settings, Teacher
from boardwright.build.teachers.resolve import resolve_teacher
from boardwright.schemas.errors import BadDocument
from boardwright.schemas.fields import Verbatim
from boardwright.schemas.task import Task

pytest.importorskip("outlines")
pytestmark = pytest.mark.slow


class Ticket(BaseModel):
    kind: Literal["bug", "question"]
    customer: Annotated[str, Verbatim(20)] | None


TASK = Task("ticket", Ticket, "Read the ticket.")


@pytest.fixture(scope="module", params=["gguf", "checkpoint"])
def teacher(
    request: pytest.FixtureRequest, student_gguf: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Teacher]:
    model = student_gguf
    if request.param == "checkpoint":
        model = resolve_student(str(student_gguf), Store(tmp_path_factory.mktemp("store"))).path
    with closing(resolve_teacher(str(model), Settings(workers=3))) as made:
        yield made


def label(id: str, text: str) -> Question:
    prompt = label_prompt(TASK, text, []).text
    return Question(id, prompt, json_schema(TASK.shape), TASK.shape, text, 60)


def write(seed: int) -> Question:
    return Question("w", "Write a document of one word.", document_schema(20), None, "", 60, temperature=1.0, seed=seed)


def texts(teacher: Teacher, *questions: Question) -> list[str]:
    answers = list(teacher.ask(questions))
    assert all(isinstance(answer, Answer) and answer.completion_tokens > 0 for answer in answers)
    return [answer.text for answer in answers if isinstance(answer, Answer)]


def test_every_record_is_one_of_its_document(teacher: Teacher) -> None:
    documents = ["Ada: the printer is on fire!", "How do I print, please? Bob", "Cleo says it hums."]
    answers = texts(teacher, *(label(str(n), text) for n, text in enumerate(documents)))
    for text, document in zip(answers, documents, strict=True):
        record = Ticket.model_validate_json(text)
        assert record.customer is None or record.customer in document


# llama.cpp is asked one by one.
@pytest.mark.parametrize("teacher", ["checkpoint"], indirect=True)
def test_an_answer_is_the_same_alone_and_in_company(teacher: Teacher) -> None:
    [alone] = texts(teacher, write(5))
    company = texts(teacher, write(5), write(6))
    assert company[0] == alone
    assert "document" in json.loads(alone)


def test_a_question_that_cannot_be_answered_keeps_its_place(teacher: Teacher) -> None:
    long = label("long", "word " * 9000)
    first, second, third = teacher.ask([label("empty", "\t"), label("a", "Ada: help!"), long])
    assert isinstance(first, BadDocument)
    assert isinstance(second, Answer)
    assert isinstance(third, BadTeacher)
    assert "longer than the teacher's context" in third.what


@pytest.mark.parametrize("name", ["broken.gguf", "folder"])
def test_something_that_is_no_model(name: str, tmp_path: Path) -> None:
    place = tmp_path / name
    if name == "folder":
        place.mkdir()
        (place / "config.json").write_text("{}")
    else:
        place.write_bytes(b"GGUF" + bytes(40))
    with pytest.raises(BadTeacher) as raised:
        resolve_teacher(str(place), Settings())
    assert str(place) in str(raised.value)
