"""Hard cases by name: the record stays what the document is to be read as, whatever is done to the text."""

from __future__ import annotations

import random
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from boardwright.build.cases import CASES, cases_named
from boardwright.schemas.errors import BadTask
from boardwright.schemas.fields import Text, Verbatim
from boardwright.schemas.found import unfounded
from boardwright.schemas.task import Task, load_task

INVOICE = load_task("invoice")
RECORD = {
    "vendor": "Holm Modern Foods",
    "invoice_number": "RE-1042",
    "order_number": None,
    "date": "2024-06-02",
    "currency": "EUR",
    "total": "1234.50",
}
OTHER = {
    "vendor": "Silva Print Ltd",
    "invoice_number": "77120",
    "order_number": "PO-9",
    "date": "2021-01-31",
    "currency": "CHF",
    "total": "8.00",
}
TEXT = """Holm Modern Foods, Mill Lane 3
Invoice RE-1042 of 2 June 2024, for our services to come.
Please remit the balance of EUR 1,234.50 to our account."""


class Route(BaseModel):
    intent: Literal["book", "cancel", "escalate"]


class Rating(BaseModel):
    stars: Literal["one", "two"]
    who: Annotated[str, Verbatim(20)]


class Note(BaseModel):
    title: Annotated[str, Text(20)]


@settings(deadline=None)
@given(st.integers(0, 500))
def test_ocr_noise_leaves_every_value_readable(seed: int) -> None:
    noisy = CASES["ocr-noise"].edit(INVOICE.shape, TEXT, RECORD, OTHER, random.Random(seed))
    assert not list(unfounded(INVOICE.shape, RECORD, noisy))


def test_ocr_noise_is_noise() -> None:
    edits = {CASES["ocr-noise"].edit(INVOICE.shape, TEXT, RECORD, OTHER, random.Random(seed)) for seed in range(20)}
    assert len(edits - {TEXT}) > 15


@settings(deadline=None)
@given(st.integers(0, 500))
def test_an_injected_order_takes_nothing_away(seed: int) -> None:
    edited = CASES["injected-instructions"].edit(INVOICE.shape, TEXT, RECORD, OTHER, random.Random(seed))
    lines = edited.split("\n")
    [added] = [line for line in lines if line not in TEXT.split("\n")]
    assert [line for line in lines if line != added] == TEXT.split("\n")
    assert not list(unfounded(INVOICE.shape, RECORD, edited))


@settings(deadline=None)
@given(st.integers(0, 200))
def test_missing_fields_are_null_and_the_rest_stays(seed: int) -> None:
    changed = CASES["missing-fields"].change(INVOICE.shape, RECORD, random.Random(seed))
    assert sum(value is None for value in changed.values()) >= 3
    assert all(value is None or value == RECORD[name] for name, value in changed.items())


def test_out_of_scope_says_nothing() -> None:
    assert set(CASES["out-of-scope"].change(INVOICE.shape, RECORD, random.Random(0)).values()) == {None}
    route = Task("route", Route, "Route it.")
    assert CASES["out-of-scope"].change(route.shape, {"intent": "book"}, random.Random(0)) == {"intent": "escalate"}


@settings(deadline=None)
@given(st.integers(0, 200))
def test_wrong_values_that_are_told_are_of_the_same_kind_and_wrong(seed: int) -> None:
    rng = random.Random(seed)
    told = CASES["conflicting-values"].tell(INVOICE.shape, RECORD, OTHER, rng)
    [wrong] = [value for value in OTHER.values() if f"“{value}”" in told]
    assert wrong not in RECORD.values()
    told = CASES["several-candidates"].tell(INVOICE.shape, RECORD, OTHER, rng)
    assert sum(f"“{value}”" in told for value in OTHER.values()) == 3
    assert not any(f"“{value}”" in told for value in RECORD.values())


@pytest.mark.parametrize(
    ("names", "task", "said"),
    [
        ("ocr-nois", INVOICE, "did you mean 'ocr-noise'?"),
        ("missing-fields", Task("route", Route, "Route it."), "No field of this task can be missing."),
        ("out-of-scope", Task("note", Note, "Read it."), "cannot say that a document is out of its scope"),
        ("ocr-noise,out-of-scope", Task("rating", Rating, "Read it."), "closed set with one of escalate"),
    ],
)
def test_cases_that_cannot_be(names: str, task: Task, said: str) -> None:
    with pytest.raises(BadTask) as raised:
        cases_named(names, task)
    assert said in str(raised.value)


def test_without_a_name_a_document_is_plain() -> None:
    assert [case.name for case in cases_named(None, INVOICE)] == ["plain"]
    assert [case.name for case in cases_named("ocr-noise, out-of-scope", INVOICE)] == ["ocr-noise", "out-of-scope"]
