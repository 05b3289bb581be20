"""A long run survives what ends it: nothing is lost, nothing is done twice, and the order stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llguidance import LLTokenizer
from pydantic import BaseModel

from boardwright.device.batch import Outcome, batch, part_file
from boardwright.device.documents import Document, expand
from boardwright.device.harness import Harness
from boardwright.schemas.errors import BadDocument, KitError
from boardwright.schemas.task import Limits, Task
from tests.conftest import ByteEngine

WORK = "f" * 64


class Note(BaseModel):
    kind: Literal["bug", "question"]


def documents(count: int, bad: int = -1) -> list[Document]:
    return [
        Document(f"d{i}", f"notes:{i}", BadDocument("The document is empty.") if i == bad else f"Note {i}")
        for i in range(count)
    ]


def run(given: list[Document], output: Path, slots: int = 3) -> Outcome:
    task = Task("note", Note, "Read.", limits=Limits(context=128))
    harness = Harness(task, ByteEngine(128, slots + 1), LLTokenizer("byte"))
    return batch(partial(harness.extract_many, slots=slots), given, output, WORK)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def ids(file: Path) -> list[str]:
    return [line["id"] for line in lines(file)]


def test_a_line_for_every_document_in_order(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    assert run(documents(7, bad=2), output) == Outcome(documents=7, failed=1, resumed=0)
    assert ids(output) == [f"d{i}" for i in range(7)]
    assert "empty" in lines(output)[2]["error"]["what"]
    assert list(tmp_path.iterdir()) == [output]


class Killed(BaseException):
    pass


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.integers(0, 9), st.integers(1, 4), st.integers(0, 40))
def test_a_killed_run_goes_on(tmp_path_factory: pytest.TempPathFactory, after: int, slots: int, torn: int) -> None:
    output = tmp_path_factory.mktemp("batch") / "out.jsonl"

    def until_killed() -> Iterator[Document]:
        yield from documents(9)[:after]
        raise Killed

    with pytest.raises(Killed):
        run(until_killed(), output, slots)  # type: ignore[arg-type]
    part = part_file(output, WORK)
    assert not output.exists()
    whole = part.read_bytes()
    # A power cut may take the end of what the kernel had not written.
    part.write_bytes(whole[: max(0, len(whole) - torn)])
    kept = part.read_bytes().count(b"\n")
    assert run(documents(9), output, slots) == Outcome(documents=9, failed=0, resumed=kept)
    assert ids(output) == [f"d{i}" for i in range(9)]
    assert not part.exists()


def test_other_documents_are_no_continuation(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    part = part_file(output, WORK)
    part.write_text('{"id":"x","record":{}}\n')
    with pytest.raises(KitError, match="other documents"):
        run(documents(2), output)
    assert part.read_text() == '{"id":"x","record":{}}\n'
    part.write_text("".join(f'{{"id":"d{i}","record":{{}}}}\n' for i in range(3)))
    with pytest.raises(KitError, match="other documents"):
        run(documents(2), output)


def test_another_bundle_begins_anew(tmp_path: Path) -> None:
    assert part_file(tmp_path / "o", "a" * 64) != part_file(tmp_path / "o", "b" * 64)


def test_a_folder_is_its_files_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deeper").mkdir(parents=True)
    for name in ("b.txt", "a.txt", ".hidden"):
        (folder / name).write_text("text")
    assert expand([str(folder), "-"]) == [str(folder / "a.txt"), str(folder / "b.txt"), "-"]
    with pytest.raises(KitError, match="no document in this folder"):
        expand([str(folder / "deeper")])
