"""Example files: what is wrong in one is said with file, line and field."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from boardwright.schemas.errors import BadExample
from boardwright.schemas.examples import Example, read_examples, read_lines, write_examples
from boardwright.schemas.fields import Items, Text


class Line(BaseModel):
    text: Annotated[str, Text(20)]


class Ticket(BaseModel):
    kind: Literal["bug", "question"]
    opened: datetime.date | None = None
    lines: Annotated[list[Line], Items(2)] = []


GOOD = {"id": "1", "text": "It fails.", "record": {"kind": "bug", "opened": "2026-02-03"}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "examples.jsonl"


def line(**changes: Any) -> str:
    """A good line with changes; a value of ... leaves the key out."""
    return json.dumps({key: value for key, value in (GOOD | changes).items() if value is not ...})


class TestReading:
    def test_records_come_in_their_json_form(self, file: Path) -> None:
        file.write_text(line())
        [example] = read_examples(file, Ticket)
        assert example == Example("1", "It fails.", {"kind": "bug", "opened": "2026-02-03", "lines": []})

    def test_blank_lines_and_other_keys_are_nothing(self, file: Path) -> None:
        file.write_text(f"\n{line(source='mail')}\n\n  \n{line(id='2')}")
        assert [example.id for example in read_examples(file, Ticket)] == ["1", "2"]

    def test_windows_line_ends(self, file: Path) -> None:
        file.write_bytes(f"{line()}\r\n{line(id='2')}\r\n".encode())
        assert len(read_examples(file, Ticket)) == 2

    def test_only_a_line_feed_ends_a_line(self, file: Path) -> None:
        # JSON lets these stand in a string; str.splitlines() would cut there.
        write_examples(file, [Example("1", "a\u2028b\x85c\x0bd", {"kind": "bug"})])
        assert read_examples(file, Ticket)[0].text == "a\u2028b\x85c\x0bd"

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(texts=st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=5))
    def test_what_is_written_is_read_back(self, file: Path, texts: list[str]) -> None:
        record = {"kind": "question", "opened": None, "lines": [{"text": "ü"}]}
        examples = [Example(str(number), text, record) for number, text in enumerate(texts)]
        write_examples(file, examples)
        assert read_examples(file, Ticket) == examples


class TestBrokenLines:
    def refusal(self, file: Path, *lines: str | bytes) -> BadExample:
        file.write_bytes(b"\n".join(one if isinstance(one, bytes) else one.encode() for one in lines))
        with pytest.raises(BadExample) as raised:
            read_examples(file, Ticket)
        assert raised.value.exit_code == 2
        return raised.value

    @pytest.mark.parametrize(
        "broken",
        [
            '{"id": "2", "text": ',
            "id,text,record",
            b'{"id": "2", "text": "\xff"}',
            b"\xef\xbb\xbf{}",
            "[" * 100_000,
            '{"id": "2", "text": "half of \\ud83d"}',
            '{"id": "2", "amount": ' + "1" * 5000 + "}",
        ],
        ids=["cut short", "csv", "not utf-8", "byte order mark", "deep", "half a character", "long number"],
    )
    def test_not_json(self, file: Path, broken: str | bytes) -> None:
        error = self.refusal(file, line(), "", broken)
        assert error.what == "This line is not a JSON object."
        assert error.where == f"{file}:3"
        assert "mend or delete line 3" in str(error.next)
        assert len(str(error)) < 1500

    @pytest.mark.parametrize("other", ["[]", "1", '"text"', "null"])
    def test_json_but_no_object(self, file: Path, other: str) -> None:
        error = self.refusal(file, line(), other)
        assert "not an object" in error.what
        assert error.where == f"{file}:2"

    @pytest.mark.parametrize("key", ["id", "text"])
    @pytest.mark.parametrize("value", [..., "", " \n", None, 7, ["a"]])
    def test_an_id_or_text_that_is_not_there(self, file: Path, key: str, value: object) -> None:
        error = self.refusal(file, line(id="0"), line(**{key: value}))
        assert error.what == f"'{key}' is missing or empty."
        assert error.where == f"{file}:2"

    def test_an_id_used_before(self, file: Path) -> None:
        error = self.refusal(file, line(), line(id="2"), "", line())
        assert error.what == "This id was used before."
        assert (error.where, error.value, error.next) == (f"{file}:4", "1", "see line 1")

    @pytest.mark.parametrize("value", [..., None, "bug", ["bug"]])
    def test_a_record_that_is_not_there(self, file: Path, value: object) -> None:
        error = self.refusal(file, line(record=value))
        assert error.what == "'record' is missing or not an object."
        assert error.where == f"{file}:1"

    @pytest.mark.parametrize(
        ("record", "field", "reason"),
        [
            ({}, "record.kind", "Field required"),
            ({"kind": "rant"}, "record.kind", "Input should be 'bug' or 'question'"),
            ({"kind": "bug", "opened": "2026-02-30"}, "record.opened", "valid date"),
            ({"kind": "bug", "lines": [{"text": "ok"}, {"text": ""}]}, "record.lines.1.text", "at least 1 character"),
            ({"kind": "bug", "lines": [{"text": "ok"}] * 3}, "record.lines", "at most 2 items"),
        ],
    )
    def test_a_record_that_fails_the_schema(self, file: Path, record: object, field: str, reason: str) -> None:
        error = self.refusal(file, line(), line(id="2", record=record))
        assert error.where == f"{file}:2 {field}"
        assert "The record fails the schema" in error.what
        assert reason in error.what

    @pytest.mark.parametrize("content", ["", "\n \n"])
    def test_no_example_at_all(self, file: Path, content: str) -> None:
        error = self.refusal(file, content)
        assert error.what == "There is no example in this file."
        assert error.where == file


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: None])
def test_a_file_that_cannot_be_read(file: Path, make: Any) -> None:
    make(file)
    with pytest.raises(BadExample, match=r"Cannot read examples\.jsonl") as raised:
        read_examples(file, Ticket)
    assert raised.value.where == file


def test_lines_come_with_their_numbers(file: Path) -> None:
    file.write_text('\n{"a": 1}\n\n{"b": 2}\n')
    assert list(read_lines(file)) == [(2, {"a": 1}), (4, {"b": 2})]
