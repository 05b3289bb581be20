"""Templates of a task as a teacher: documents for drawn records, with no model at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from boardwright.build.cli import cli
from tests.conftest import TASK_PY

LETTER = """\
{% if customer %}
{{ customer }} writes:
{% endif %}
{{ "How does it work?" if kind == "question" else "It is broken." }}{{ " Hurry!" if urgent }}
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    folder = tmp_path / "ticket"
    (folder / "templates").mkdir(parents=True)
    (folder / "task.py").write_text(TASK_PY)
    (folder / "templates" / "letter.txt").write_text(LETTER)
    return folder


def run(task: Path, *arguments: str) -> Result:
    output = task.parent / "out.jsonl"
    return CliRunner().invoke(cli, ["teach", str(task), "--teacher", "template", "-o", str(output), *arguments])


def test_documents_from_a_template(task: Path) -> None:
    said = run(task, "--write", "12", "--nulls", "0")
    assert said.exit_code == 0, said.output
    rows = [json.loads(line) for line in (task.parent / "out.jsonl").read_text().splitlines()]
    assert len(rows) > 6  # the rest came out too much alike
    for row in rows:
        record = row["record"]
        assert row["text"].startswith(f"{record['customer']} writes:")
        assert ("How does it work?" in row["text"]) == (record["kind"] == "question")
        assert row["text"].endswith("Hurry!") == record["urgent"]
        assert row["origin"]["teacher"].startswith("template ")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ customer }} {{ colour }}", "'colour' is undefined"),
        ("one\n{% if %}", "letter.txt:2"),
    ],
)
def test_a_template_that_does_not_work(task: Path, template: str, said: str) -> None:
    (task / "templates" / "letter.txt").write_text(template)
    result = run(task, "--write", "3")
    assert result.exit_code == 2
    assert said in result.output
    assert "letter.txt" in result.output


def test_a_task_without_templates(task: Path) -> None:
    (task / "templates" / "letter.txt").unlink()
    result = run(task, "--write", "3")
    assert result.exit_code == 2
    assert "This task has no templates to write from." in result.output


def test_templates_do_not_read(task: Path) -> None:
    (task / "letter.jsonl").write_text('{"id": "a", "text": "b"}\n')
    result = run(task, "--documents", str(task / "letter.jsonl"))
    assert result.exit_code == 2
    assert "use --write N" in result.output


def test_a_case_that_only_a_reader_can_write(task: Path) -> None:
    result = run(task, "--write", "3", "--case", "ocr-noise,several-candidates")
    assert result.exit_code == 2
    assert "A template cannot write this case." in result.output
