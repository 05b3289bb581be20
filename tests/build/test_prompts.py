"""What a teacher is told: all that the record model says, and values as people spell them."""

from __future__ import annotations

import datetime
import hashlib
import random
from typing import Annotated, Literal

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from boardwright.build.init import TEMPLATE
from boardwright.build.prompts import SHOT_CHARS, SHOTS, fact, few, label_prompt, write_prompt
from boardwright.schemas.examples import Example
from boardwright.schemas.fields import Verbatim
from boardwright.schemas.found import unfounded
from boardwright.schemas.shape import DateShape, NumberShape
from boardwright.schemas.task import Task, load_task


class Ticket(BaseModel):
    """A ticket of the help desk."""

    kind: Literal["bug", "question"]
    customer: Annotated[str, Verbatim(20)] | None = Field(description="Who wrote it, not who is written about.")


TASK = Task("ticket", Ticket, "Read the ticket.")
SHOT = Example("a", "Bob: how?", {"kind": "question", "customer": "Bob"})


def test_a_label_prompt_says_it_all() -> None:
    prompt = label_prompt(TASK, "Ada: it burns!", [SHOT])
    for part in (
        "Read the ticket.",
        '- kind: one of "bug", "question".',
        "- customer: text copied from the document, at most 20 characters, or null. Who wrote it, not who is",
        "<<<\nAda: it burns!\n>>>",
        'Bob: how?\n>>>\nJSON: {"kind":"question","customer":"Bob"}',
    ):
        assert part in prompt.text
    assert prompt.origin == {"template": "label-1", "sha256": hashlib.sha256(prompt.text.encode()).hexdigest()}


def test_a_document_is_put_in_as_it_is() -> None:
    braces = "{fields} {0} {{}}"
    assert f"<<<\n{braces}\n>>>" in label_prompt(TASK, braces, []).text


def test_records_in_records_are_described_too() -> None:
    text = label_prompt(load_task(TEMPLATE), "Hello", []).text
    assert "- sender: an object with.\n  - name: text copied" in text
    assert "- codes: a list of at most 2, each text copied" in text


def test_a_write_prompt_names_what_to_say_and_what_not_to() -> None:
    text = write_prompt(TASK, {"kind": "bug", "customer": None}, random.Random(0), "Be odd.", 300, [SHOT]).text
    assert "A ticket of the help desk." in text
    assert "- kind: bug (by its meaning" in text
    assert "must not say anything about: customer." in text
    assert "Be odd." in text
    assert "At most 300 characters" in text
    assert SHOT.text in text


@settings(deadline=None)
@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)), st.integers(0, 9))
def test_a_date_is_spelled_so_that_it_can_be_found(day: object, seed: int) -> None:
    spelled = fact(str(day), DateShape(grounded=True), random.Random(seed))
    assert not list(unfounded(DateShape(grounded=True), str(day), spelled))


@settings(deadline=None)
@given(st.decimals(0, 99999, places=2), st.integers(0, 9))
def test_a_number_is_spelled_so_that_it_can_be_found(value: object, seed: int) -> None:
    shape = NumberShape(digits=9, places=2, signed=False, grounded=True)
    assert not list(unfounded(shape, str(value), fact(str(value), shape, random.Random(seed))))


def test_few_examples_are_shown_and_no_long_ones() -> None:
    long = Example("long", "x" * (SHOT_CHARS + 1), SHOT.record)
    assert few([long, *[SHOT] * 9]) == [SHOT] * SHOTS


def test_a_printed_date_is_asked_for_as_printed() -> None:
    assert (
        "- date: a date as the document prints it, at most 24" in label_prompt(load_task("receipt"), "Hello", []).text
    )
