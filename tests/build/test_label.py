"""Labelling as a person meets it: the real command on a pseudo-terminal of 80 columns and 24 rows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from boardwright.schemas.examples import read_examples
from boardwright.schemas.task import load_task
from tests.terminals import COMMAND, SEQUENCES, Session

CLEAR = "\x1b[2J"
TASK_PY = """
import datetime
from typing import Annotated, Literal

from pydantic import BaseModel

from boardwright.schemas.fields import Grounded, Items, Text, Verbatim
from boardwright.schemas.task import Task


class Note(BaseModel):
    customer: Annotated[str, Verbatim(30)] | None
    day: Annotated[datetime.date, Grounded()] | None
    kind: Literal["bug", "question", "praise"]
    tags: Annotated[list[Annotated[str, Text(10)]], Items(3)]


task = Task("note", Note, "Read the note.")
"""
ADA = {"customer": "Ada", "day": "2024-06-02", "kind": "bug", "tags": []}
ROWS = [
    ("n1", "Ada Lovelace, 2. Juni 2024\nThe engine is on fire.", ADA),
    ("n2", "Grüße von 山田太郎さん 😀, 3 March 2024\n" + "長い行" * 60, ADA | {"customer": None, "day": "2024-03-03"}),
    ("n3", "Bob\n" + "\n".join(f"line {at} of many" for at in range(60)) + "\nlast words", ADA | {"day": None}),
]


Start = Callable[..., Session]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "note").mkdir()
    (tmp_path / "note" / "task.py").write_text(TASK_PY)
    rows = [json.dumps({"id": id, "text": text, "record": record}) for id, text, record in ROWS]
    (tmp_path / "proposed.jsonl").write_text("\n".join(rows))
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    begun: list[Session] = []

    def call(*args: object, **more: Any) -> Session:
        source = args or ("--examples", folder / "proposed.jsonl")
        begun.append(Session(folder / "note", *source, "-o", folder / "gold.jsonl", **more))
        return begun[-1]

    yield call
    for one in begun:
        one.close()


def gold(folder: Path) -> dict[str, Any]:
    path = folder / "gold.jsonl"
    return {one.id: one.record for one in read_examples(path, load_task(folder / "note").record)}


def test_accept_correct_skip_and_what_is_on_disk_at_once(folder: Path, start: Start) -> None:
    run = start()
    assert "1 of 3   n1" in run.until("q quit")
    assert "\x1b[7mAda\x1b[0m Lovelace, \x1b[7m2. Juni 2024\x1b[0m" in run.raw
    run.press("a", "2 of 3   n2")
    assert gold(folder) == {"n1": ADA}
    # A value that does not stand there is refused with its reason, and the line still has it.
    run.press("1", "customer: ")
    assert "does not stand in the document" in run.press("山田\x01x\r", "customer: x山田")
    run.press("\x01\x04\r", "1*customer")
    assert "1 bug   2 question   3 praise" in run.press("3", "kind: bug")
    run.press("\x152\r", "q quit")
    run.press("4", "tags: []")
    assert "at most 10 characters" in run.press('\x15["a tag that is long"]\r', "tags: [")
    run.press('\x15["gruß"]\r', '["gruß"]')
    run.press("a", "3 of 3   n3")
    expected = {"customer": "山田", "day": "2024-03-03", "kind": "question", "tags": ["gruß"]}
    assert gold(folder) == {"n1": ADA, "n2": expected}
    run.press("s", "All 3 are decided")
    summary = run.quit(" ")
    assert run.status == 0
    assert "1 accepted, 1 corrected, 1 skipped" in summary
    assert re.search(r"customer +1 of 2 +50\.0 % +9 to 91 %", summary)
    assert re.search(r"day +2 of 2 +100\.0 %", summary)


def test_quit_and_go_on_where_it_was(folder: Path, start: Start) -> None:
    run = start()
    run.until("1 of 3   n1")
    run.press("s", "2 of 3   n2")
    assert "1 skipped; 2 left" in run.quit()
    again = start()
    again.until("2 of 3   n2")
    # The decision of the earlier session is taken back, and the document is there again.
    again.press("u", "1 of 3   n1")
    again.press("a", "2 of 3   n2")
    assert "1 accepted; 2 left" in again.quit("\x04")
    assert (again.status, gold(folder)) == (0, {"n1": ADA})


def test_ctrl_c_keeps_what_was_decided(folder: Path, start: Start) -> None:
    run = start()
    run.until("1 of 3   n1")
    run.press("a", "2 of 3   n2")
    run.press("1", "customer: ")
    run.press("\x03", "q quit")  # leaves the line alone
    assert "1 accepted; 2 left" in run.quit("\x03")
    assert (run.status, gold(folder)) == (130, {"n1": ADA})


def test_undo_takes_back_corrections_before_decisions(folder: Path, start: Start) -> None:
    run = start()
    run.until("1 of 3   n1")
    run.press("3", "kind: bug")
    run.press("\x15praise\r", "3*kind")
    run.press("a", "2 of 3   n2")
    assert "3*kind" in run.press("u", "q quit")
    assert "3*kind" not in run.press("u", "q quit")
    assert "nothing to take back" in run.press("u", "q quit")
    run.quit()


def test_the_editor_takes_the_whole_record_and_loses_nothing(folder: Path, start: Start) -> None:
    editor = folder / "editor"
    editor.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        "from pathlib import Path\n"
        "file = Path(sys.argv[1])\n"
        "text = file.read_text()\n"
        "file.write_text(text.replace('half', '[\"x\"]') if 'half' in text else text.replace('[]', 'half'))\n"
    )
    editor.chmod(0o755)
    run = start(EDITOR=str(editor))
    run.until("q quit")
    assert "e goes on editing" in run.press("e", "q quit")
    # The editor finds its own half-written text again, and mends it.
    assert '["x"]' in run.press("e", "q quit")
    run.press("a", "2 of 3   n2")
    assert gold(folder) == {"n1": ADA | {"tags": ["x"]}}
    run.quit()


def test_control_characters_do_not_reach_the_terminal(folder: Path, start: Start) -> None:
    hostile = "Ada \x1b[31mred\x1b]0;title\x07 \x9b2J \u202eback\x7f\ttab\r\nnext"
    record = ADA | {"customer": "Ada \x9b2J", "day": None, "tags": ["\x9bx"]}
    row = json.dumps({"id": "h\x1b[2J", "text": hostile + " Ada \x9b2J", "record": record})
    (folder / "hostile.jsonl").write_text(row)
    run = start("--examples", folder / "hostile.jsonl")
    run.until("q quit")
    run.press("1", "customer: ")
    run.press("\r", "q quit")
    run.press("4", "tags: ")
    run.press("\r", "q quit")
    run.press("a", "All 1 are decided")
    run.quit(" ")
    bare = SEQUENCES.sub("", run.raw)
    assert "\\x1b[31mred\\x1b]0;title\\x07" in bare and "\\u202eback" in bare
    assert not set(bare) & set("\x1b\x9b\u202e\x7f")
    assert gold(folder)["h\x1b[2J"] == record


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (200, 50)])
def test_a_screen_holds_its_rows_and_columns(start: Start, folder: Path, size: tuple[int, int]) -> None:
    run = start(size=size)
    run.until("a accept")
    for keys, then in (("s", "n2"), ("s", "n3"), (" ", "n3"), ("?", "at once")):
        run.press(keys, then)
    screens = [SEQUENCES.sub("", one).replace("\r", "").split("\n") for one in run.raw.split(CLEAR)[1:]]
    assert len(screens) == 5
    for rows in screens:
        assert all(cell_len(row) <= size[0] for row in rows)
    # Help scrolls where there is little room; a document never does.
    assert all(len(rows) <= size[1] for rows in screens[:4])
    run.press(" ", "a accept")
    run.quit()


def test_a_long_document_is_read_to_its_end(start: Start) -> None:
    run = start()
    run.until("n1")
    run.press("s", "n2")
    assert "last words" not in run.press("s", "n3")
    seen = "".join(run.press(" ", "of 62") for _ in range(4))
    assert "last words" in seen and "-62 of 62" in seen
    assert "lines 1-" in "".join(run.press("b", "of 62") for _ in range(4))
    assert "lines 2-" in run.press("\x1b[B", "of 62")
    run.quit()


def test_a_plain_terminal_has_marks_in_place_of_attributes(start: Start) -> None:
    run = start(term="dumb")
    seen = run.until("q quit")
    assert "\x1b" not in run.raw
    assert "»Ada« Lovelace, »2. Juni 2024«" in seen
    run.quit()


def test_without_proposals_a_record_is_filled_in(folder: Path, start: Start) -> None:
    (folder / "pile").mkdir()
    (folder / "pile" / "one.txt").write_text("Ada Lovelace, 2. Juni 2024")
    run = start("--documents", folder / "pile")
    run.until("! needs a value")
    assert "needs a value" in run.press("a", "where:   kind")
    run.press("c", "Field, its number or name: ")
    run.press("kind\r", "kind: ")
    run.press("pr\r", "praise")
    run.press("2", "day: ")
    run.press("2. Juni 2024\r", "2024-06-02")
    run.press("a", "All 1 are decided")
    assert "1 filled in" in run.quit(" ")
    assert list(gold(folder).values()) == [{"customer": None, "day": "2024-06-02", "kind": "praise", "tags": []}]


def test_help_says_what_the_keys_do(start: Start) -> None:
    run = start()
    run.until("q quit")
    assert "accept the record" in run.press("?", "at once")
    assert "1 of 3" in run.press(" ", "q quit")
    assert "does nothing here" in run.press("x", "q quit")
    run.quit()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--examples", "proposed.jsonl"), "needs a terminal"),
        ((), "Give either --documents or --examples"),
        (("--examples", "proposed.jsonl", "--student", "x"), "Give one source of proposals"),
    ],
)
def test_what_cannot_begin_says_so(folder: Path, args: tuple[str, ...], told: str) -> None:
    command = [*COMMAND, "label", "note", *args, "-o", "gold.jsonl"]
    ran = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120
    )
    assert (ran.returncode, told in ran.stderr, "Traceback" in ran.stderr) == (2, True, False), ran.stderr


def test_an_empty_folder_of_documents(folder: Path, start: Start) -> None:
    (folder / "pile").mkdir()
    run = start("--documents", folder / "pile")
    assert "There is no document in this folder." in run.ends()
    assert run.status == 2
