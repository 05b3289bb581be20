"""Documents as they might have been: the record stays right, what is new stays as it was."""

from __future__ import annotations

import re
from typing import Annotated

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from boardwright.build.printed import place_of
from boardwright.build.varied import KNOWN, varied
from boardwright.schemas.examples import Example
from boardwright.schemas.fields import Text
from boardwright.schemas.shape import shape_of


class Receipt(BaseModel):
    company: Annotated[str, Text(40, printed=True)] | None
    date: Annotated[str, Text(20, printed=True)] | None
    total: Annotated[str, Text(20, printed=True)] | None


SHAPE = shape_of(Receipt)


def receipt(name: str, company: str, total: str = "RM 8.60", date: str = "12.05.2018") -> Example:
    text = f"{company}\nNo. 1234567\nDATE {date}\n2 X 4.30 RM 8.60\nTOTAL {total}\nCASH 10.00\nCHANGE 1.40"
    return Example(name, text, {"company": company, "date": date, "total": total})


CHAIN = [receipt(f"chain-{n}", "MAYBERRY TRADING") for n in range(KNOWN)]
ONCE = receipt("once", "QUILLON ATELIER", "1,234.50")


def test_the_first_reading_is_of_the_documents_as_they_are() -> None:
    readings = varied(SHAPE, [*CHAIN, ONCE], 3, seed=5)
    assert readings[0] == [*CHAIN, ONCE] and len(readings) == 3
    assert readings == varied(SHAPE, [*CHAIN, ONCE], 3, seed=5) != varied(SHAPE, [*CHAIN, ONCE], 3, seed=6)
    assert readings[1] != readings[2]


def test_amounts_are_others_of_the_same_form_and_the_same_in_document_and_record() -> None:
    for reading in varied(SHAPE, [*CHAIN, ONCE], 6, seed=1)[1:]:
        for before, after in zip([*CHAIN, ONCE], reading, strict=True):
            total = after.record["total"]
            assert f"TOTAL {total}\n" in after.text
            assert re.sub(r"\d", "9", total) == re.sub(r"\d", "9", before.record["total"])
            assert after.record["date"] == before.record["date"] and f"DATE {before.record['date']}" in after.text
            assert "No. 1234567" in after.text
        assert len({one.record["total"] for one in reading}) > 1


def test_only_a_known_word_is_misprinted_and_only_in_the_document() -> None:
    misprinted = 0
    for reading in varied(SHAPE, [*CHAIN, ONCE], 12, seed=2)[1:]:
        for before, after in zip([*CHAIN, ONCE], reading, strict=True):
            assert after.record["company"] == before.record["company"]
            if place_of(after.record["company"], after.text) is None:
                misprinted += 1
                assert before is not ONCE
    assert 0.1 < misprinted / (11 * KNOWN) < 0.5


def test_a_label_that_would_no_longer_be_right_keeps_its_document() -> None:
    short = Example("short", "TOTAL 43.70", {"company": None, "date": None, "total": "43.7"})
    assert all(reading == [short] for reading in varied(SHAPE, [short], 4, seed=3))


@given(st.lists(st.text(max_size=60), min_size=1, max_size=4), st.integers(0, 5))
def test_any_document_keeps_its_lines_and_its_record_its_fields(texts: list[str], seed: int) -> None:
    examples = [
        Example(str(n), text, {"company": text[:20] or None, "date": None, "total": None})
        for n, text in enumerate(texts)
    ]
    for reading in varied(SHAPE, examples * KNOWN, 2, seed):
        for before, after in zip(examples * KNOWN, reading, strict=True):
            assert after.text.count("\n") == before.text.count("\n")
            assert {name: value is None for name, value in after.record.items()} == {
                name: value is None for name, value in before.record.items()
            }
