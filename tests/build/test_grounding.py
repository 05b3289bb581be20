"""Numbers, dates and quoted names of a free text must be in the document; its words may be the writer's own."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel

from boardwright.build.grounding import invented
from boardwright.schemas.fields import Items, Text, Verbatim
from boardwright.schemas.shape import shape_of

DOCUMENT = "Ticket 4711 of 3 March 2024: the “Frontlader 9” lost 1.250,00 EUR of oil at 12/5\nCall (030) 9 01-82."


class Note(BaseModel):
    summary: Annotated[str, Text(200)] | None
    copy_of: Annotated[str, Verbatim(40)] | None = None
    facts: Annotated[list[Annotated[str, Text(80)]], Items(3)] = []


def found(summary: str | None, facts: list[str] | None = None) -> list[tuple[str, str]]:
    record = Note(summary=summary, facts=facts or []).model_dump(mode="json")
    return list(invented(shape_of(Note), record, DOCUMENT))


@pytest.mark.parametrize(
    "summary",
    [
        None,
        "A machine leaks, says somebody whom nobody named.",
        "Ticket 4711 was opened on 2024-03-03",
        "Ticket 4711 was opened on 3.3.24",
        "a loss of 1,250.00 or 1250",
        "call 030 90182",
        "2 people saw it",  # one digit may be a word in the document
        'the "frontlader 9" leaks',
        "12/5",
    ],
)
def test_what_the_document_says_in_another_spelling_is_not_invented(summary: str | None) -> None:
    assert found(summary) == []


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        ("Ticket 4712", "4712"),
        ("Ticket 471", "471"),
        ("opened on 2024-03-04", "2024-03-04"),
        ("since 4 March 2024", "4 March 2024"),
        ("a loss of 1,260.00", "1,260.00"),
        ("the “Heckbagger” leaks", "Heckbagger"),
    ],
)
def test_what_it_does_not_say_is(summary: str, words: str) -> None:
    assert found(summary) == [("summary", words)]


def test_lists_are_looked_through_with_the_path_of_the_item() -> None:
    assert found(None, ["ticket 4711", "ticket 99"]) == [("facts[1]", "99")]
