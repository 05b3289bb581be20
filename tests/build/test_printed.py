"""A value as printed: the document's own letters, whatever case, spaces and marks a person gave it; or none at all."""

from __future__ import annotations

import re
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from boardwright.build.printed import as_printed, printed
from boardwright.schemas.compare import fold
from boardwright.schemas.compare import text as same
from boardwright.schemas.examples import Example
from boardwright.schemas.fields import Text
from boardwright.schemas.shape import shape_of


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        ("No. 3, High St, York", "ACME LTD\nNO 3 HIGH ST.\nYORK, UK", "NO 3 HIGH ST. YORK"),
        ("acme ltd.", "ACME\tLtd", "ACME Ltd"),
        ("8.20", "Total: $8.20", "$8.20"),
        ("$ 8.20", "Total 8.20", "8.20"),
        ("York (UK", "York (UK)", "York (UK)"),
        ("UK", "York (UK)", "UK"),
        ("12", "No. 123, 12 left", "12"),  # whole words before the first place
        ("Ltd", "LTD. and Ltd", "Ltd"),  # its own spelling before all
        ("Straße", "STRASSE 5", "STRASSE"),
        ("Acme Ltd", "Acne Ltd", None),
        ("–", "anything", None),
        ("x", "", None),
    ],
)
def test_a_value(value: str, text: str, expected: str | None) -> None:
    assert printed(value, text) == expected


@given(st.text(max_size=40), st.text(min_size=1, max_size=12), st.text(max_size=40))
def test_comparing_never_sees_the_difference(before: str, value: str, after: str) -> None:
    document = f"{before} {value} {after}"
    found = printed(value, document)
    assert (found is None) == (fold(value) == "")
    if found is not None:
        assert same(value, found)
        assert found in re.sub(r"[\s\x00-\x1f]+", " ", document)


class Shop(BaseModel):
    name: Annotated[str, Text(8, printed=True)] | None
    motto: Annotated[str, Text(20)] | None


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Acme", "ACME"), (None, None), ("Other", "Other"), ("A.C.M.E.S", "A.C.M.E.S")],  # the last one would be too long
)
def test_only_what_is_marked_and_stands_there_and_fits(name: str | None, expected: str | None) -> None:
    example = Example("a", "ACME\nA  C  M  E  S\nWE CARE", {"name": name, "motto": "We care"})
    assert as_printed(shape_of(Shop), example).record == {"name": expected, "motto": "We care"}
    assert example.record["name"] == name
