"""Every kind of task in its smallest form: the real student, a few steps, one encoding, and its natural call."""

from __future__ import annotations

import json
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from boardwright.schemas.examples import Example
from boardwright.schemas.found import unfounded
from boardwright.schemas.task import Task, load_task

from .conftest import House

pytestmark = pytest.mark.slow
DOCUMENTS = 3
EXTRACTED = ("facts", "questions", "triples", "policy", "parts")
ROUTED = ("routing", "gesture", "localisation")


@cache
def _built(house: House, name: str, student: Path, *options: str) -> Path:
    """The bundle of a shipped task, of as few documents and steps as make one. options: more of them."""
    ran = house.run(
        "boardwright", "build", name, "--target", "host", "--student", student,
        "--documents", "16", "--held-out", "3", "--epochs", "1", "--encodings", "Q8_0",
        "--gate", "records_right=0", "--gate", "fields_right=0", "--gate", "tolerance=1", "--json",
        "-o", house.root / "kinds", *options,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return Path(json.loads(ran.stdout.splitlines()[-1])["bundle"])


def fresh(name: str) -> tuple[Task, list[Example]]:
    """Documents that no training has seen."""
    task = load_task(name)
    generate = task.documents()
    assert generate is not None
    return task, list(islice(generate(99, "valid"), DOCUMENTS))


def called(
    house: House, command: str, bundle: Path, examples: list[Example], folder: Path, *options: str
) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the lines of a command over the examples' texts."""
    documents = folder / "documents.jsonl"
    documents.write_text("".join(example.line() + "\n" for example in examples), encoding="utf-8")
    ran = house.run("boardwright-device", command, "--bundle", bundle, "--json", *options, documents)
    assert "Traceback" not in ran.stderr
    assert ran.returncode in (0, 1), ran.stderr
    return ran.returncode, [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.parametrize("name", EXTRACTED)
def test_records(house: House, student_gguf: Path, tmp_path: Path, name: str) -> None:
    task, examples = fresh(name)
    code, lines = called(house, "extract", _built(house, name, student_gguf), examples, tmp_path)
    assert (code, [line["id"] for line in lines]) == (0, [example.id for example in examples])
    for example, line in zip(examples, lines, strict=True):
        task.record.model_validate(line["record"])
        assert list(unfounded(task.shape, line["record"], example.text)) == []


def test_receipts_beside_their_neighbours(house: House, student_gguf: Path, tmp_path: Path) -> None:
    task, examples = fresh("receipt")
    bundle = _built(house, "receipt", student_gguf, "--misprints", "1")
    assert b"neighbours.json" in bundle.read_bytes()
    code, lines = called(house, "extract", bundle, examples, tmp_path)
    assert code == 0, "the golden prompts, each with its neighbour, are certified before the first record"
    assert [task.record.model_validate(line["record"]) for line in lines]


@pytest.mark.parametrize("name", ROUTED)
def test_decisions(house: House, student_gguf: Path, tmp_path: Path, name: str) -> None:
    task, examples = fresh(name)
    [(field, _)] = task.shape.fields
    code, lines = called(house, "route", _built(house, name, student_gguf), examples, tmp_path)
    assert code == 0
    for line in lines:
        record = task.record.model_validate({field: line["intent"]})
        assert 0 <= line["confidence"] <= 1
        assert line["escalate"] == bool(line["why"])
        assert line["escalate"] or not task.escalated(record)
    gold = tmp_path / "gold.jsonl"
    gold.write_text("".join(example.line() + "\n" for example in examples), encoding="utf-8")
    ran = house.run("boardwright", "evaluate", "--bundle", _built(house, name, student_gguf), "--examples", gold)
    assert ran.returncode == 0, ran.stderr
    assert "Routed at the bundle's threshold: of" in ran.stdout


def test_redactions(house: House, student_gguf: Path, tmp_path: Path) -> None:
    _, examples = fresh("redaction")
    planted = "mira@fjord.example, IBAN DE89 3704 0044 0532 0130 00"
    examples = [Example(one.id, f"{one.text}\n{planted}", one.record) for one in examples]
    bundle = _built(house, "redaction", student_gguf)
    _, lines = called(house, "redact", bundle, examples, tmp_path, "--threshold", "0")
    assert len(lines) == DOCUMENTS
    for example, line in zip(examples, lines, strict=True):
        if "error" in line:  # a student of so few steps may fill its lists to the last
            assert "more than a record can list" in line["error"]["what"] and "text" not in line
            continue
        assert "mira" not in line["text"] and "0532" not in line["text"]
        rebuilt, at = "", 0
        for span in line["spans"]:
            rebuilt += example.text[at : span["start"]] + f"[{span['kind'].upper()}]"
            at = span["end"]
        assert line["text"] == rebuilt + example.text[at:]
    code, lines = called(house, "redact", bundle, examples, tmp_path, "--threshold", "1")
    assert code == 1 and all("text" not in line for line in lines), "surer than sure: all is withheld"


def test_answers(house: House, student_gguf: Path, tmp_path: Path) -> None:
    _, examples = fresh("passages")
    bundle = _built(house, "passages", student_gguf)
    for example in examples:
        question, *passages = example.text.splitlines()
        text = "\n\n".join(passage.split(" ", 1)[1] for passage in passages)
        (tmp_path / "notes.txt").write_text(text, encoding="utf-8")
        ran = house.run(
            "boardwright-device", "answer", "--bundle", bundle, "--question", question, "--json", tmp_path / "notes.txt"
        )
        assert ran.returncode == 0, ran.stderr
        found = json.loads(ran.stdout)
        if found["answer"] is None:
            assert found["span"] is None and found["source"] is None
        else:
            start, end = found["span"]
            assert text[start:end].replace("\n", " ") == found["answer"]


def test_a_teacher_writes_documents_for_drawn_records(house: House, student_gguf: Path, tmp_path: Path) -> None:
    """The student is its own teacher here: what it writes is poor, and each row tells how it came about."""
    rows = tmp_path / "rows.jsonl"
    ran = house.run("boardwright", "teach", "routing", "--write", "3", "--teacher", student_gguf, "-o", rows)
    assert ran.returncode == 0, ran.stderr
    task = load_task("routing")
    lines = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    assert 0 < len(lines) <= 3
    for line in lines:
        task.record.model_validate(line["record"])
        assert line["text"].strip()
        assert line["origin"]["way"] == "write" and line["origin"]["teacher"].startswith("llama.cpp")


def test_a_bundle_of_another_kind_is_refused(house: House, student_gguf: Path, tmp_path: Path) -> None:
    bundle = _built(house, "routing", student_gguf)
    ran = house.run("boardwright-device", "redact", "--bundle", bundle, tmp_path / "..")
    assert ran.returncode == 2
    document = tmp_path / "a.txt"
    document.write_text("Ada", encoding="utf-8")
    ran = house.run("boardwright-device", "redact", "--bundle", bundle, document)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "does not redact" in ran.stderr
