"""Rows are whole lines, whatever happens to the process that writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boardwright.build.rows import open_rows
from boardwright.schemas.errors import BadExample, KitError


def row(number: int) -> dict[str, Any]:
    return {"id": f"é{number}", "text": "a\nb", "record": {}, "origin": {"teacher": "t"}}


@pytest.fixture
def three(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "rows.jsonl"
    with open_rows(path) as rows:
        for number in range(3):
            rows.append(row(number))
    return path


def test_what_was_written_is_there_again(three: Path) -> None:
    with open_rows(three) as rows:
        assert rows.there == [row(0), row(1), row(2)]
        rows.append(row(3))
    assert [json.loads(line) for line in three.read_text().splitlines()] == [row(number) for number in range(4)]


def test_a_line_is_there_before_the_next_is_begun(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with open_rows(path) as rows:
        rows.append(row(0))
        assert path.read_text().endswith("\n")


@settings(deadline=None)
@given(st.data())
def test_a_torn_end_is_cut_off(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    whole = "".join(json.dumps(row(number), ensure_ascii=False) + "\n" for number in range(3)).encode()
    at = data.draw(st.integers(0, len(whole)))
    path = tmp_path_factory.mktemp("torn") / "rows.jsonl"
    path.write_bytes(whole[:at])
    with open_rows(path) as rows:
        assert rows.there == [row(number) for number in range(whole[:at].count(b"\n"))]
        rows.append(row(9))
    assert [json.loads(line) for line in path.read_bytes().splitlines()][-1] == row(9)


def test_blocks_that_never_reached_the_disk(three: Path) -> None:
    three.write_bytes(three.read_bytes() + b"\0" * 40 + b"\n")
    with open_rows(three) as rows:
        assert len(rows.there) == 3


def test_damage_in_the_middle_is_said(three: Path) -> None:
    lines = three.read_bytes().splitlines(keepends=True)
    three.write_bytes(lines[0] + b"{oops\n" + lines[2])
    with pytest.raises(BadExample, match="not a JSON object") as raised, open_rows(three):
        pass
    assert f"{three}:2" in str(raised.value)


def test_somebody_s_own_examples_are_not_added_to(tmp_path: Path) -> None:
    mine = tmp_path / "mine.jsonl"
    mine.write_text('{"id": "a", "text": "b", "record": {}}\n')
    with pytest.raises(KitError, match="no teacher wrote"), open_rows(mine):
        pass
    assert mine.read_text().count("\n") == 1


def test_one_run_at_a_time(three: Path) -> None:
    with open_rows(three), pytest.raises(KitError, match="Another run writes this file"), open_rows(three):
        pass


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(KitError, match="Cannot write"), open_rows(tmp_path):
        pass
