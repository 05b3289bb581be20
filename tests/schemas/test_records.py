"""The JSON form of a record: one spelling, and back."""

from __future__ import annotations

import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated

import pytest
from pydantic import BaseModel

from boardwright.schemas.errors import BadRecord
from boardwright.schemas.fields import Items, Number, Text
from boardwright.schemas.records import canonical, parse, spell


class Kind(Enum):
    BUG = "bug"


class Line(BaseModel):
    text: Annotated[str, Text(20)]
    amount: Annotated[Decimal, Number()] | None


class Ticket(BaseModel):
    kind: Kind
    opened: datetime.date | None
    lines: Annotated[list[Line], Items(3)]


TICKET = Ticket(
    kind=Kind.BUG, opened=datetime.date(2026, 2, 3), lines=[Line(text='"漢" \\ é\x7f', amount=Decimal("1.5"))]
)
SPELLED = '{"kind":"bug","opened":"2026-02-03","lines":[{"text":"\\"漢\\" \\\\ é\x7f","amount":"1.50"}]}'


def test_a_record_is_spelled_compactly_in_the_models_order_and_its_own_letters() -> None:
    assert canonical(TICKET) == SPELLED


def test_what_is_spelled_is_read_back() -> None:
    assert parse(Ticket, SPELLED) == TICKET


def test_any_value_has_the_same_spelling() -> None:
    assert spell({"b": [1, None, True], "a": "ü/"}) == '{"b":[1,null,true],"a":"ü/"}'


@pytest.mark.parametrize(
    ("output", "where", "reason", "value"),
    [
        (SPELLED.replace("bug", "rant"), "kind", "Input should be 'bug'", "rant"),
        (SPELLED.replace('"1.50"', '"-1.50"'), "lines.0.amount", "greater than or equal to 0", "-1.50"),
        (SPELLED.replace("2026-02-03", "2026-02-30"), "opened", "valid date", "2026-02-30"),
        (SPELLED.replace('"opened":"2026-02-03",', ""), "opened", "Field required", None),
        (SPELLED[:-1], "record", "Invalid JSON", None),
        ("", "record", "Invalid JSON", None),
        ("[]", "record", "an object", []),
    ],
)
def test_an_output_that_fails_says_where_and_why(output: str, where: str, reason: str, value: object) -> None:
    with pytest.raises(BadRecord, match="The output fails the record model") as raised:
        parse(Ticket, output)
    assert raised.value.where == where
    assert reason in raised.value.what
    if value is not None:
        assert raised.value.value == value
