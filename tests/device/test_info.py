"""A field's bounds, in words."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from boardwright.device.info import fields, flat
from boardwright.schemas.fields import Items, Number, Text, Verbatim
from boardwright.schemas.shape import shape_of


class Part(BaseModel):
    amount: Annotated[Decimal, Number(digits=7, places=2, signed=True)]
    done: bool


class Order(BaseModel):
    customer: Annotated[str, Verbatim(60)] | None
    note: Annotated[str, Text(80)]
    kind: Literal["new", "old"]
    count: Annotated[int, Field(ge=0, le=99)]
    day: datetime.date | None
    due: Annotated[str, Text(24, printed=True, date=True)]
    parts: Annotated[list[Part], Items(5)] | None


def test_every_field_has_its_bounds() -> None:
    assert dict(fields(shape_of(Order))) == {
        "customer": "copied from the document, up to 60 characters, or null",
        "note": "text, up to 80 characters",
        "kind": "one of new, old",
        "count": "whole number, 0 to 99",
        "day": "date, as 2026-01-31, or null",
        "due": "date as printed, up to 24 characters",
        "parts": "list of up to 5: 2 fields, or null",
        "parts[].amount": "number, 7 digits and 2 decimals, signed",
        "parts[].done": "true or false",
    }


def test_nested_figures_have_dotted_names() -> None:
    assert list(flat({"a": {"b": 1, "c": {"d": [2]}}, "e": None})) == [("a.b", 1), ("a.c.d", [2]), ("e", None)]
