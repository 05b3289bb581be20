"""What a person types for a field: read as generously as is safe, and held to type and document."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, create_model, field_validator

from boardwright.build.entry import checked_record, empty, prefill, read, read_field
from boardwright.schemas.errors import BadRecord
from boardwright.schemas.fields import Grounded, Items, Number, Text, Verbatim
from boardwright.schemas.shape import TextShape
from boardwright.schemas.task import Task
from tests.device.fakes import Kind, documents_of_text, kinds


class Line(BaseModel):
    what: Annotated[str, Verbatim(20)]
    sum: Annotated[Decimal, Number()]


class Order(BaseModel):
    vendor: Annotated[str, Verbatim(30)] | None
    note: Annotated[str, Text(20)] | None
    day: Annotated[datetime.date, Grounded()] | None
    total: Annotated[Decimal, Number(), Grounded()] | None
    due: datetime.date | None
    currency: Literal["EUR", "USD", "CHF", "CZK"] | None
    paid: bool
    count: Annotated[int, Field(ge=0, le=9)]
    lines: Annotated[list[Line], Items(2)]

    @field_validator("note")
    @classmethod
    def no_shouting(cls, value: str | None) -> str | None:
        if value and value.isupper():
            raise ValueError("do not shout")
        return value


TASK = Task("order", Order, "Read it.")
TEXT = "Müller  & Söhne\nof 2. Juni 2024, 3 nails, total EUR 1.234,50"


def typed(name: str, line: str) -> Any:
    return read_field(TASK, name, line, TEXT)


@pytest.mark.parametrize(
    ("name", "line", "value"),
    [
        ("vendor", "Müller  & Söhne", "Müller  & Söhne"),
        ("vendor", " Söhne ", "Söhne"),
        ("vendor", '"Söhne"', "Söhne"),
        ("vendor", "", None),
        ("note", "null", "null"),
        ("day", "2024-06-02", "2024-06-02"),
        ("day", "2. Juni 2024", "2024-06-02"),
        ("total", "1.234,50", "1234.50"),
        ("total", "1234.5", "1234.50"),
        ("due", "20240703", "2024-07-03"),
        ("currency", "2", "USD"),
        ("currency", "eu", "EUR"),
        ("paid", "1", True),
        ("paid", "f", False),
        ("count", "7", 7),
        ("lines", "", []),
        ("lines", '[{"what": "nails", "sum": "3"}]', [{"what": "nails", "sum": "3.00"}]),
    ],
)
def test_what_is_typed_becomes_what_the_record_says(name: str, line: str, value: Any) -> None:
    assert typed(name, line) == value


@pytest.mark.parametrize(
    ("name", "line", "reason", "allowed"),
    [
        ("vendor", "Muller", "does not stand in the document", None),
        ("vendor", "MÜLLER & SÖHNE", "does not stand in the document", "Müller  & Söhne"),
        ("vendor", "x" * 31, "at most 30 characters", None),
        ("day", "3 June 2024", "does not stand in the document", "2024-06-02"),
        ("day", "3/4/2024", "more than one way", "2024-04-03, 2024-03-04"),
        ("day", "soon", "can't be read", None),
        ("total", "99", "does not stand in the document", "1234.50"),
        ("total", "much", "can't be read", None),
        ("due", "2024-02-30", "can't be read", None),
        ("currency", "c", "Several values", "CHF, CZK"),
        ("currency", "GBP", "no such value", "EUR, USD, CHF, CZK"),
        ("currency", "9", "no such value", "EUR"),
        ("paid", "", "needs a value", None),
        ("count", "10", "less than or equal to 9", None),
        ("count", "many", "valid integer", None),
        ("lines", "[{", "not JSON", None),
        ("lines", '[{"what": "nails"}]', "needs a value", None),
        ("lines", '[{"what": "screws", "sum": "1"}]', "does not stand in the document", None),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(name: str, line: str, reason: str, allowed: str | None) -> None:
    with pytest.raises(BadRecord, match=reason) as raised:
        typed(name, line)
    assert str(raised.value.where).startswith(name)
    assert allowed is None or allowed in str(raised.value.allowed)


def test_a_value_within_a_list_is_named_by_its_path() -> None:
    with pytest.raises(BadRecord) as raised:
        typed("lines", '[{"what": "nails", "sum": "1"}, {"what": "screws", "sum": "1"}]')
    assert raised.value.where == "lines[1].what"


def test_an_empty_record_is_to_be_filled_in() -> None:
    record = empty(TASK.shape)
    assert (record["lines"], record["vendor"], record["paid"]) == ([], None, None)
    with pytest.raises(BadRecord, match="needs a value") as raised:
        checked_record(TASK, record, TEXT)
    assert raised.value.where == "paid"
    assert checked_record(TASK, record | {"paid": True, "count": 1}, TEXT)["count"] == 1


def test_a_whole_record_is_held_to_the_models_own_validators_too() -> None:
    record = empty(TASK.shape) | {"paid": True, "count": 1, "note": "LOUD"}
    with pytest.raises(BadRecord, match="do not shout"):
        checked_record(TASK, record, TEXT)
    with pytest.raises(BadRecord, match="no such field"):
        checked_record(TASK, record | {"other": 1}, TEXT)


@given(st.text(min_size=1).map(str.strip).filter(bool))
def test_a_text_that_stands_in_the_line_is_read_as_itself_and_steers_nothing(value: str) -> None:
    line = prefill(TextShape(60, verbatim=False), value)
    assert line.isprintable()
    assert read(TextShape(60, verbatim=False), line) == value


@settings(max_examples=40, deadline=None)
@given(st.data(), documents_of_text, kinds)
def test_every_value_of_every_kind_survives_the_line(data: st.DataObject, document: str, kind: Kind) -> None:
    task = Task("any", create_model("Any", field=(kind.annotation, ...)), "Read it.")
    value = task.record.model_validate({"field": data.draw(kind.values(document))}).model_dump(mode="json")["field"]
    [(_, shape)] = task.shape.fields
    line = prefill(shape, value)
    assert line.isprintable()
    assert read_field(task, "field", line, document) == value
