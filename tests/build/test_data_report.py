"""The report says what the kept rows hold, and names what stands in too many of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel

from boardwright.build.data_report import FILE, TOLD, DataReport, FieldReport, Turned, data_report
from boardwright.schemas.examples import Example
from boardwright.schemas.fields import Text
from boardwright.schemas.task import Checks, Task


class Line(BaseModel):
    kind: Literal["a", "b"]
    vendor: Annotated[str, Text(20)] | None


TASK = Task("lines", Line, "Read it.", checks=Checks(most_of_one=0.9, most_null=0.9))


def rows(kinds: str, vendors: list[str | None]) -> list[Example]:
    pairs = zip(kinds, vendors, strict=True)
    return [Example(f"r{n}", str(n), {"kind": kind, "vendor": vendor}) for n, (kind, vendor) in enumerate(pairs)]


def test_shares_are_of_all_rows_and_nulls_are_counted_apart() -> None:
    told = data_report(TASK, 4, rows("aaab", ["X", "X", "Y", None]), [])
    assert told.fields == [
        FieldReport("kind", 0.0, 2, [('"a"', 0.75), ('"b"', 0.25)]),
        FieldReport("vendor", 0.25, 2, [('"X"', 0.5), ('"Y"', 0.25)]),
    ]


def test_what_stands_in_too_many_rows_is_named() -> None:
    vendors = [f"V{n}" for n in range(70)] + ["Z"] * 30
    assert data_report(TASK, 100, rows("a" * 92 + "b" * 8, [*vendors]), []).over == [
        'kind is "a" in 92%',
        'vendor is "Z" in 30%',
    ]
    assert data_report(TASK, 100, rows("ab" * 50, [None] * 95 + ["V"] * 5), []).over == ["vendor is null in 95%"]
    assert data_report(TASK, 100, rows("ab" * 50, [f"V{n}" for n in range(100)]), []).over == []


def test_of_a_few_rows_nothing_is_said_to_be_too_many() -> None:
    assert data_report(TASK, 5, rows("aaaaa", ["X"] * 5), []).over == []


def test_reasons_are_counted_and_the_first_rows_of_each_named(tmp_path: Path) -> None:
    turned = [Turned(f"t{n}", "duplicate" if n else "leak", "", "why") for n in range(9)]
    told = data_report(TASK, 9, [], turned, doubted=[Turned("d", "value", "vendor", "why")], held_out=3, spare=2)
    assert told.rejected == {"duplicate": 8, "leak": 1} and told.doubted == {"value": 1}
    assert [one.id for one in told.first_rejected] == ["t0", *(f"t{n}" for n in range(1, TOLD + 1))]
    told.write(tmp_path / FILE)
    assert DataReport.from_json(json.loads((tmp_path / FILE).read_text())) == told
