"""How records are laid out, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from boardwright.device.documents import Document
from boardwright.device.extract import for_people, json_line, output, side_by_side
from boardwright.device.harness import Result, Timing
from boardwright.schemas.errors import BadRecord


class Line(BaseModel):
    amount: str


class Order(BaseModel):
    customer: str | None
    lines: list[Line]


ORDER = Order(customer=None, lines=[Line(amount="3 €")])
DOCUMENT = Document("a.txt", "a.txt", "…")


def result(record: BaseModel, **changes: Any) -> Result:
    return Result(record, Timing(1.0, 2.0, 3.04), passes=4, tokens=5, prompt_tokens=6, **changes)


def test_fields_stand_in_a_column_and_null_is_a_dash() -> None:
    assert for_people(DOCUMENT, result(ORDER)) == 'a.txt\n  customer  –\n  lines     [{"amount":"3 €"}]\n'


def test_doubt_is_shown_where_the_bundle_is_calibrated() -> None:
    shown = for_people(DOCUMENT, result(ORDER, confidence={"customer": 0.514}, escalate=["customer"]))
    assert shown.splitlines()[:2] == ["a.txt   ! have somebody look at it: customer", "  customer  –   (51%)"]


@pytest.mark.parametrize(("confidence", "shown"), [(0.879, "87%"), (0.9961, "99%"), (1.0, "99%"), (0.004, "0%")])
def test_doubt_is_never_rounded_away(confidence: float, shown: str) -> None:
    line = for_people(DOCUMENT, result(ORDER, confidence={"customer": confidence})).splitlines()[1]
    assert line.endswith(f"({shown})")


def test_a_document_cannot_steer_the_terminal() -> None:
    hostile = Document("\x1b[2J.txt", "", "…")
    shown = for_people(hostile, result(Order(customer="Ada\x9b31m\u202e", lines=[])))
    assert shown.splitlines()[:2] == ["\\x1b[2J.txt", "  customer  Ada\\x9b31m\\u202e"]


def test_a_json_line_has_all_that_is_known() -> None:
    line = json_line(DOCUMENT, result(ORDER, spans={"customer": (1, 4)}, confidence={"customer": 0.51437}))
    assert json.loads(line) == {
        "id": "a.txt",
        "record": {"customer": None, "lines": [{"amount": "3 €"}]},
        "spans": {"customer": [1, 4]},
        "confidence": {"customer": 0.5144},
        "escalate": [],
        "timing_ms": {"prefill": 1.0, "decode": 2.0, "total": 3.0},
        "passes": 4,
        "tokens": 5,
    }


def test_an_error_is_cut_to_what_is_of_use() -> None:
    error = BadRecord("No.", where="total", value="x" * 10_000)
    told = json.loads(json_line(DOCUMENT, error))["error"]
    assert (told["what"], told["where"], told["allowed"], len(told["value"])) == ("No.", "total", None, 200)


def test_output_is_there_when_all_of_it_is(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with output(path) as write:
        write("ä\n")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "ä\n"
    assert path.stat().st_mode & 0o777 == 0o644
    with pytest.raises(RuntimeError), output(path) as write:
        write("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text(encoding="utf-8") == "ä\n"


def test_output_to_a_link_changes_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "out")
    with output(tmp_path / "link") as write:
        write("x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "out").read_text() == "x"


def test_a_document_can_be_shown_beside_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    document = Document("a.txt", "a.txt", "ACME Ltd\n" + "x" * 60 + "\nTotal 12.00")
    lines = side_by_side(document, result(ORDER)).splitlines()
    assert lines[0] == "a.txt"
    assert lines[1].startswith("  ACME Ltd") and "│" in lines[1]
    # Long lines are wrapped, none is lost, and the columns stand where they stood.
    assert "".join(line[2:50].strip() for line in lines[1:]) == "ACME Ltd" + "x" * 60 + "Total 12.00"
    assert {line.index("│") for line in lines[1:] if "│" in line} == {51}
