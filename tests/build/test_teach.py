"""`boardwright teach` as people run it: a real HTTP server answers, rows are kept or rejected, and nothing is lost."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from boardwright.build import teach as module
from boardwright.build.cli import cli
from boardwright.build.teachers import server as servers
from boardwright.schemas.examples import read_examples
from boardwright.schemas.task import load_task
from tests.build.teachers.openai_server import MODEL, Fault, OpenAIServer, Reply, document_in, serving, ticket_of
from tests.conftest import TASK_PY

PEOPLE = "Ada Bob Cleo Dan Eva Finn Gus Hal Ida Jon Kim Lea Max Nia Ole Pia Quin Rob Sue Tom".split()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "FIRST_WAIT", 0.01)


@pytest.fixture
def task(tmp_path: Path) -> Path:
    folder = tmp_path / "ticket"
    folder.mkdir()
    (folder / "task.py").write_text(TASK_PY)
    return folder


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    path = tmp_path / "documents.jsonl"
    lines = [
        {"id": f"t{n}", "text": f"{who}: the printer in room {n * 37} is on fire!"} for n, who in enumerate(PEOPLE)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def teacher() -> Iterator[OpenAIServer]:
    with serving(good) as server:
        yield server


def good(number: int, body: dict[str, Any]) -> Reply:
    """Labels tickets, and writes documents that hold what they are told to."""
    if "document" not in body["response_format"]["json_schema"]["schema"]["properties"]:
        return ticket_of(body)
    facts = [
        line.split("“")[1].split("”")[0]
        for line in prompt_of(body).splitlines()
        if line.startswith("- ") and "“" in line
    ]
    return json.dumps({"document": f"Document {body['seed']} says {'; '.join(facts)} and {body['seed'] ** 3}."})


def prompt_of(body: dict[str, Any]) -> str:
    prompt: str = body["messages"][0]["content"]
    return prompt


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["teach", *map(str, arguments)])


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def rejected(output: Path) -> list[dict[str, Any]]:
    return rows(output.with_name(output.name + ".rejected.jsonl"))


class TestLabelling:
    def test_documents_become_examples(
        self, task: Path, documents: Path, teacher: OpenAIServer, tmp_path: Path
    ) -> None:
        output = tmp_path / "examples.jsonl"
        said = run(task, "--documents", documents, "--teacher", teacher.url, "-o", output)
        assert said.exit_code == 0, said.output
        examples = read_examples(output, load_task(task).record)
        assert [example.id for example in examples] == [f"t{n}" for n in range(len(PEOPLE))]
        assert examples[3].record == {"kind": "bug", "urgent": True, "customer": "Dan"}
        assert f"{len(PEOPLE)} rows read, {len(PEOPLE)} to train on" in said.output
        assert "completion tokens/s" in said.output

    def test_a_row_says_where_it_comes_from(
        self, task: Path, documents: Path, teacher: OpenAIServer, tmp_path: Path
    ) -> None:
        output = tmp_path / "examples.jsonl"
        run(task, "--documents", documents, "--teacher", teacher.url, "-o", output, "--seed", "3")
        origin = rows(output)[0]["origin"]
        assert origin["teacher"] == f"server {MODEL}"
        assert origin["way"] == "label"
        assert origin["prompt"]["template"] == "label-1"
        assert len(origin["prompt"]["sha256"]) == 64
        assert origin["seed"] in {body["seed"] for body in teacher.bodies}
        assert str(teacher.server_port) not in output.read_text()

    def test_a_folder_is_a_document_a_file(self, task: Path, teacher: OpenAIServer, tmp_path: Path) -> None:
        folder = tmp_path / "letters"
        folder.mkdir()
        (folder / "a.txt").write_text("Ada: why does it beep?")
        (folder / "b.txt").write_text("Bob: it is broken in two.")
        said = run(task, "--documents", folder, "--teacher", teacher.url, "-o", tmp_path / "out.jsonl")
        assert said.exit_code == 0, said.output
        assert {row["id"]: row["record"]["kind"] for row in rows(tmp_path / "out.jsonl")} == {
            "a.txt": "question",
            "b.txt": "bug",
        }

    def test_what_it_cost(self, task: Path, documents: Path, teacher: OpenAIServer, tmp_path: Path) -> None:
        output = tmp_path / "out.jsonl"
        price = ("--price-in", "2", "--price-out", "10")
        said = run(task, "--documents", documents, "--teacher", teacher.url, "-o", output, *price, "--json")
        told = json.loads(said.stdout.splitlines()[-1])
        assert told["cost"] == pytest.approx((2 * told["prompt_tokens"] + 10 * told["completion_tokens"]) / 1e6)
        assert told["prompt_tokens"] == sum(len(prompt_of(body)) for body in teacher.bodies)

    def test_examples_of_the_task_are_shown_to_the_teacher(
        self, task: Path, documents: Path, teacher: OpenAIServer, tmp_path: Path
    ) -> None:
        (task / "examples").mkdir()
        shown = {"id": "x", "text": "Zoe: hm?", "record": {"kind": "question", "urgent": False, "customer": "Zoe"}}
        (task / "examples" / "few.jsonl").write_text(json.dumps(shown) + "\n")
        run(task, "--documents", documents, "--teacher", teacher.url, "-o", tmp_path / "out.jsonl")
        assert all("Zoe: hm?" in prompt_of(body) for body in teacher.bodies)


class TestRejecting:
    def wrong(self, wrongs: dict[str, str]) -> Callable[[int, dict[str, Any]], Reply]:
        """A good teacher, but for the documents that hold one of these words."""

        def reply(number: int, body: dict[str, Any]) -> Reply:
            text = document_in(body)
            return next((answer for word, answer in wrongs.items() if word in text), None) or ticket_of(body)

        return reply

    def test_each_with_its_reason(self, task: Path, documents: Path, tmp_path: Path) -> None:
        invented = '{"kind": "bug", "urgent": true, "customer": "Nobody"}'
        wrongs = {"Ada": invented, "Bob": "I think that", "Cleo": '{"kind": "rant", "urgent": true, "customer": null}'}
        output = tmp_path / "out.jsonl"
        with serving(self.wrong(wrongs)) as server:
            said = run(task, "--documents", documents, "--teacher", server.url, "-o", output)
        assert said.exit_code == 0, said.output
        assert [(row["id"], row["reason"], row["path"]) for row in rejected(output)] == [
            ("t0", "grounding", "customer"),
            ("t1", "schema", "record"),
            ("t2", "schema", "kind"),
        ]
        assert rejected(output)[1]["answer"] == "I think that"
        assert len(rows(output)) == len(PEOPLE) - 3
        assert re.search("^schema +2  t1", said.output, re.MULTILINE)
        told = json.loads((tmp_path / "data_report.json").read_text())
        assert (told["read"], told["kept"]) == (len(PEOPLE), len(PEOPLE) - 3)
        assert told["rejected"] == {"schema": 2, "grounding": 1}

    def test_a_fence_around_the_record_is_no_harm(self, task: Path, documents: Path, tmp_path: Path) -> None:
        output = tmp_path / "out.jsonl"
        with serving(lambda number, body: f"Sure:\n```json\n{ticket_of(body)}\n```") as server:
            run(task, "--documents", documents, "--teacher", server.url, "-o", output)
        assert len(rows(output)) == len(PEOPLE)

    def test_the_gold_set_does_not_leak(
        self, task: Path, documents: Path, teacher: OpenAIServer, tmp_path: Path
    ) -> None:
        gold = tmp_path / "gold.jsonl"
        record = {"kind": "bug", "urgent": True, "customer": "Ada"}
        gold.write_text(
            json.dumps({"id": "g", "text": "Ada: the printer in room 0 is on fire!", "record": record}) + "\n"
        )
        output = tmp_path / "out.jsonl"
        run(task, "--documents", documents, "--teacher", teacher.url, "-o", output, "--held-out", gold)
        assert ("t0", "leak") in [(row["id"], row["reason"]) for row in rejected(output)]


class TestGoingOn:
    def test_a_second_run_asks_nothing(
        self, task: Path, documents: Path, teacher: OpenAIServer, tmp_path: Path
    ) -> None:
        arguments = (task, "--documents", documents, "--teacher", teacher.url, "-o", tmp_path / "out.jsonl")
        run(*arguments)
        before = (tmp_path / "out.jsonl").read_bytes()
        asked = len(teacher.bodies)
        said = run(*arguments)
        assert said.exit_code == 0
        assert (tmp_path / "out.jsonl").read_bytes() == before
        assert len(teacher.bodies) == asked
        assert f"{len(PEOPLE)} of them by earlier runs" in said.output

    def test_what_was_rejected_is_asked_again_of_another_teacher_only(
        self, task: Path, documents: Path, tmp_path: Path
    ) -> None:
        output = tmp_path / "out.jsonl"
        with serving(lambda number, body: "no" if "Eva" in document_in(body) else ticket_of(body)) as server:
            arguments = (task, "--documents", documents, "-o", output, "--teacher", server.url)
            run(*arguments)
            run(*arguments)
            assert len(server.bodies) == len(PEOPLE)
        with serving(ticket_of_any) as better:
            better.models = ["better"]
            run(task, "--documents", documents, "-o", output, "--teacher", better.url)
            assert len(better.bodies) == 1
        assert len(rows(output)) == len(PEOPLE)

    def test_another_document_of_the_same_id(
        self, task: Path, documents: Path, teacher: OpenAIServer, tmp_path: Path
    ) -> None:
        arguments = (task, "--documents", documents, "--teacher", teacher.url, "-o", tmp_path / "out.jsonl")
        run(*arguments)
        documents.write_text(documents.read_text().replace("fire", "ice"))
        said = run(*arguments)
        assert said.exit_code == 2
        assert "An earlier run had another document of this id." in said.output

    @pytest.mark.parametrize("way", ["label", "write"])
    def test_killed_and_run_again_it_gives_the_same_rows(
        self, way: str, task: Path, documents: Path, tmp_path: Path
    ) -> None:
        wanted = ("--documents", documents) if way == "label" else ("--write", "20", "--case", "plain,ocr-noise")

        def reply(number: int, body: dict[str, Any]) -> Reply:
            # Some of both ways are rejected, so that both files are put to the test.
            return "{}" if body["seed"] % 5 == 0 else good(number, body)

        with serving(reply, seconds=0.05) as server:
            arguments = ["teach", task, *wanted, "--teacher", server.url, "--workers", "2"]
            undisturbed, killed = tmp_path / "undisturbed.jsonl", tmp_path / "killed.jsonl"
            assert CliRunner().invoke(cli, [*map(str, arguments), "-o", str(undisturbed)]).exit_code == 0
            asked = len(server.bodies)
            command = [sys.executable, "-m", "boardwright.build.cli", *map(str, arguments), "-o", str(killed)]
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                while not killed.exists() or killed.read_bytes().count(b"\n") < 4:
                    assert process.poll() is None, "it was over before it could be killed"
                    time.sleep(0.01)
                process.send_signal(signal.SIGKILL)
            # As a power cut would have it.
            with killed.open("ab") as file:
                file.write(b'{"id": "half a li')
            done = killed.read_bytes().count(b"\n")
            assert 4 <= done < len(rows(undisturbed))
            before = len(server.bodies)
            assert CliRunner().invoke(cli, [*map(str, arguments), "-o", str(killed)]).exit_code == 0
            assert len(server.bodies) - before <= asked - done
        assert killed.read_bytes() == undisturbed.read_bytes()
        assert rejected(killed) == rejected(undisturbed)


def ticket_of_any(number: int, body: dict[str, Any]) -> Reply:
    return ticket_of(body)


class TestWriting:
    def test_records_become_documents(self, task: Path, teacher: OpenAIServer, tmp_path: Path) -> None:
        output = tmp_path / "out.jsonl"
        said = run(task, "--write", "12", "--teacher", teacher.url, "-o", output)
        assert said.exit_code == 0, said.output
        examples = read_examples(output, load_task(task).record)
        assert len(examples) == 12
        assert all(e.record["customer"] is None or e.record["customer"] in e.text for e in examples)
        assert {row["origin"]["way"] for row in rows(output)} == {"write"}

    def test_cases_come_in_turn(self, task: Path, teacher: OpenAIServer, tmp_path: Path) -> None:
        output = tmp_path / "out.jsonl"
        cases = ["missing-fields", "several-candidates", "injected-instructions"]
        run(task, "--write", "9", "--case", ",".join(cases), "--teacher", teacher.url, "-o", output)
        assert [row["origin"]["case"] for row in rows(output)] == cases * 3

    def test_a_document_without_its_facts_is_rejected(self, task: Path, tmp_path: Path) -> None:
        def forgetful(number: int, body: dict[str, Any]) -> Reply:
            return json.dumps({"document": f"Something happened {body['seed']} {body['seed'] ** 3}."})

        output = tmp_path / "out.jsonl"
        with serving(forgetful) as server:
            run(task, "--write", "20", "--nulls", "0.5", "--teacher", server.url, "-o", output)
        assert rows(output)
        assert rejected(output)
        assert all(row["record"]["customer"] is None for row in rows(output))
        assert {row["reason"] for row in rejected(output)} == {"grounding"}

    def test_half_a_character_is_no_document(self, task: Path, tmp_path: Path) -> None:
        output = tmp_path / "out.jsonl"
        with serving(lambda number, body: '{"document": "\\ud800"}' if number else good(number, body)) as server:
            said = run(task, "--write", "3", "--teacher", server.url, "-o", output)
        assert said.exit_code == 0, said.output
        assert [row["reason"] for row in rejected(output)] == ["schema"] * 2


class TestBadInput:
    def said(self, *arguments: object) -> str:
        result = run(*arguments)
        assert result.exit_code == 2, result.output
        assert "Traceback" not in result.output
        return result.output

    def test_an_empty_folder(self, task: Path, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        said = self.said(task, "--documents", tmp_path / "empty", "--teacher", "http://127.0.0.1:9/v1")
        assert "There is no document in this folder." in said

    def test_no_such_folder(self, task: Path, tmp_path: Path) -> None:
        assert "There is no such folder or file." in self.said(task, "--documents", tmp_path / "nowhere")

    def test_one_id_twice(self, task: Path, tmp_path: Path) -> None:
        (tmp_path / "two.jsonl").write_text('{"id": "a", "text": "x"}\n{"id": "a", "text": "y"}\n')
        assert "Two documents have the same id." in self.said(task, "--documents", tmp_path / "two.jsonl")

    @pytest.mark.parametrize(
        "arguments", [(), ("--documents", "a", "--write", "3"), ("--documents", "a", "--case", "x")]
    )
    def test_one_way_at_a_time(self, task: Path, arguments: Sequence[str]) -> None:
        assert "--write" in self.said(task, *arguments)

    def test_an_unknown_case(self, task: Path) -> None:
        assert "several-candidates" in self.said(task, "--write", "3", "--case", "hard")

    def test_a_teacher_that_does_not_exist(self, task: Path, documents: Path) -> None:
        said = self.said(task, "--documents", documents, "--teacher", "./nowhere.gguf")
        assert "There is no such teacher." in said
        assert "http://HOST:PORT/v1" in said

    def test_garbage_from_the_start(self, task: Path, documents: Path, tmp_path: Path) -> None:
        with serving(lambda number, body: "As a language model, I") as server:
            said = self.said(task, "--documents", documents, "--teacher", server.url, "-o", tmp_path / "o.jsonl")
        assert f"None of the first {module.HOPELESS} answers can be read as what was asked for." in said
        assert "As a language model, I" in said

    def test_not_one_row(self, task: Path, tmp_path: Path) -> None:
        (tmp_path / "one.jsonl").write_text('{"id": "a", "text": "Ada: help"}\n')
        with serving(lambda number, body: "?") as server:
            said = self.said(
                task, "--documents", tmp_path / "one.jsonl", "--teacher", server.url, "-o", tmp_path / "o.jsonl"
            )
        assert "Not one row could be kept." in said
        assert "1 × schema" in said

    def test_a_server_that_fails_half_way(self, task: Path, documents: Path, tmp_path: Path) -> None:
        output = tmp_path / "out.jsonl"
        with serving(lambda number, body: ticket_of(body) if number < 8 else Fault(0)) as server:
            arguments = (task, "--documents", documents, "--teacher", server.url, "-o", output, "--workers", "1")
            said = self.said(*arguments, "--retries", "9")
            assert "No teacher answers any more." in said
            assert json.loads((tmp_path / "data_report.json").read_text())["kept"] == len(rows(output)) == 8
            assert len(rows(output)) == 8
            server.reply = ticket_of_any
            assert run(*arguments).exit_code == 0
        assert [row["id"] for row in rows(output)] == [f"t{n}" for n in range(len(PEOPLE))]

    def test_documents_that_fail_are_counted_and_the_rest_is_done(
        self, task: Path, teacher: OpenAIServer, tmp_path: Path
    ) -> None:
        folder = tmp_path / "mixed"
        folder.mkdir()
        (folder / "a.txt").write_text("Ada: it smells odd")
        (folder / "b.bin").write_bytes(b"\0\1\2")
        result = run(task, "--documents", folder, "--teacher", teacher.url, "-o", tmp_path / "out.jsonl")
        assert result.exit_code == 1
        assert "1 failed" in result.output.splitlines()
        assert [row["id"] for row in rows(tmp_path / "out.jsonl")] == ["a.txt"]

    def test_an_interrupted_run_keeps_what_is_done(self, task: Path, documents: Path, tmp_path: Path) -> None:
        output = tmp_path / "out.jsonl"
        with serving(good, seconds=0.05) as server:
            arguments = ["teach", task, "--documents", documents, "--teacher", server.url, "--workers", "1"]
            command = [sys.executable, "-m", "boardwright.build.cli", *map(str, arguments), "-o", str(output)]
            with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
                while not output.exists() or not output.read_bytes():
                    time.sleep(0.01)
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=60)
        assert process.returncode not in (0, 2)
        assert "Traceback" not in said
        assert rows(output)


def test_the_default_teacher_without_a_network(
    task: Path, documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    result = run(task, "--documents", documents, "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 2
    assert "This teacher is not in the local Hugging Face cache" in result.output
    assert "hf download Qwen/Qwen3-4B-Instruct-2507" in result.output
    assert "8.1 GB, Apache-2.0" in result.output
