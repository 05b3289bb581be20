"""`redact`, `route` and `answer` as they are typed: outputs, exit codes, and nothing of what is withheld."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from boardwright.device.bundles import Installed
from boardwright.device.cli import main
from boardwright.device.confidence import Calibration
from boardwright.device.harness import Harness
from boardwright.schemas.passages import question_and_passages
from boardwright.schemas.records import spell
from tests.conftest import make_bundle
from tests.device.fakes import BYTES, FakeEngine, wants

HEAD = """
from typing import Annotated, Literal
from pydantic import BaseModel, Field
from boardwright.schemas.fields import Items, Verbatim
from boardwright.schemas.task import Limits, Task
"""
REDACTION = """
class Item(BaseModel):
    text: Annotated[str, Verbatim(20)]
    kind: Literal["name", "place"]

class Message(BaseModel):
    items: Annotated[list[Item], Items(3)]

task = Task("ticket", Message, "Read.", limits=Limits(context=512))
"""
ROUTING = """
class Wish(BaseModel):
    intent: Literal["book", "oos"]

task = Task("ticket", Wish, "Read.", escalate={"intent": ("oos",)}, limits=Limits(context=256))
"""
ANSWERS = """
class Told(BaseModel):
    passage: Annotated[int, Field(ge=1, le=3)] | None
    answer: Annotated[str, Verbatim(20)] | None

task = Task("ticket", Told, "Read.", limits=Limits(context=256))
"""
ADA = "Ada Lee, ada@lee.example"
FULL = "Ann Bob Lovelace"
OUTPUTS = {
    ADA: '{"items":[{"text":"Ada Lee","kind":"name"}]}',
    FULL: spell({"items": [{"text": name, "kind": "name"} for name in FULL.split()]}),
    "a table for two": '{"intent":"book"}',
    "who am I": '{"intent":"oos"}',
    question_and_passages("Which oil?", ["The saw is new.", "It takes HLP 32."]): '{"passage":2,"answer":"HLP 32"}',
    question_and_passages("How old?", ["The saw is new.", "It takes HLP 32."]): '{"passage":null,"answer":null}',
}

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    def harness(installed: Installed, slots: int = 1, threads: int | None = None) -> Harness:
        engine = FakeEngine(wants(OUTPUTS), n_ctx=installed.task.limits.context)
        return Harness(installed.task, engine, BYTES, calibration=Calibration(1.0, 2.0, 0.5, ()))

    monkeypatch.setattr(Installed, "harness", harness)

    def call(command: str, task: str, *options: object, stdin: str = "") -> Result:
        bundle = make_bundle(tmp_path, b"no weights", {"task/task.py": HEAD + task})
        return CliRunner().invoke(main, [command, "--bundle", str(bundle), *map(str, options)], input=stdin)

    return call


def lines(*texts: str) -> str:
    return "".join(json.dumps({"id": f"d{at}", "text": text}) + "\n" for at, text in enumerate(texts))


class TestRedact:
    def test_text_in_text_out(self, run: Run) -> None:
        result = run("redact", REDACTION, stdin=ADA)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "[NAME], [EMAIL]\n", "")

    def test_json_has_the_spans(self, run: Run) -> None:
        result = run("redact", REDACTION, "--json", stdin=ADA)
        line = json.loads(result.stdout)
        assert list(line) == ["id", "text", "spans", "confidence"]
        assert line["spans"][0] == {"start": 0, "end": 7, "kind": "name", "source": "model"}
        assert [span["source"] for span in line["spans"]][1] in ("rule", "both")

    @pytest.mark.parametrize("options", [[], ["--json"]])
    def test_a_document_that_is_withheld_shows_nowhere(self, run: Run, options: list[str]) -> None:
        stdin = lines(FULL, ADA) + "{'text': 'Ann Lovelace'}\n"
        result = run("redact", REDACTION, "--jsonl", *options, stdin=stdin)
        assert result.exit_code == 1
        assert "Lovelace" not in result.stdout + result.stderr
        assert "[NAME], [EMAIL]" in result.stdout
        assert len(result.stdout.splitlines()) == (3 if options else 1)

    def test_an_unsure_document_is_withheld(self, run: Run) -> None:
        result = run("redact", REDACTION, "--threshold", "0.95", stdin=ADA)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "not sure enough" in result.stderr and "Ada" not in result.stderr

    def test_another_kind_of_bundle_is_refused(self, run: Run) -> None:
        result = run("redact", ROUTING, stdin=ADA)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "does not redact" in result.stderr and "Traceback" not in result.stderr

    def test_an_output_file(self, run: Run, tmp_path: Path) -> None:
        assert run("redact", REDACTION, "--output", tmp_path / "out.txt", stdin=ADA).exit_code == 0
        assert (tmp_path / "out.txt").read_text() == "[NAME], [EMAIL]\n"


class TestRoute:
    def test_decisions_for_people(self, run: Run) -> None:
        result = run("route", ROUTING, "--jsonl", stdin=lines("a table for two", "who am I"))
        assert result.exit_code == 0
        assert result.stdout == "d0: book (88%)\nd1: a person (out of scope)\n"

    def test_decisions_for_programs(self, run: Run) -> None:
        result = run("route", ROUTING, "--jsonl", "--json", stdin=lines("a table for two", " ", "who am I"))
        first, failed, last = map(json.loads, result.stdout.splitlines())
        assert first == {"id": "d0", "intent": "book", "confidence": 0.8808, "escalate": False, "why": ""}
        assert failed["error"]["what"] == "The document is empty."
        assert last["escalate"] and last["why"] == "out of scope"
        assert result.exit_code == 1

    def test_the_threshold(self, run: Run) -> None:
        result = run("route", ROUTING, "--threshold", 0.9, stdin="a table for two")
        assert result.stdout == "stdin: a person (not sure: 0.881 is under 0.900)\n"


class TestAnswer:
    TEXT = "The saw is new.\n\nIt takes HLP 32.\n"

    def test_the_answer_and_its_place(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text(self.TEXT)
        result = run("answer", ANSWERS, "--question", "Which oil?", tmp_path / "notes.txt")
        assert (result.exit_code, result.stdout) == (0, "HLP 32\n")
        assert f"{tmp_path}/notes.txt, characters 26 to 32 (88%)" in result.stderr

    def test_for_programs(self, run: Run) -> None:
        result = run("answer", ANSWERS, "--question", "Which oil?", "--json", stdin=self.TEXT)
        assert json.loads(result.stdout) == {
            "answer": "HLP 32",
            "source": "stdin",
            "span": [26, 32],
            "confidence": 0.8808,
            "escalate": False,
            "why": "",
        }

    def test_no_answer(self, run: Run) -> None:
        result = run("answer", ANSWERS, "--question", "How old?", stdin=self.TEXT)
        assert (result.exit_code, result.stdout) == (0, "The passages do not answer this.\n")

    def test_nothing_to_read(self, run: Run, tmp_path: Path) -> None:
        result = run("answer", ANSWERS, "--question", "Which oil?", tmp_path / "none.txt")
        assert result.exit_code == 2 and "no such file" in result.stderr
