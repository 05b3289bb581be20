"""Bad input, as a user meets it: one clear message, exit code 2, and nothing half-written."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import House

GOOD = {
    "id": "a",
    "text": "Rechnung 1\nSumme 2,00 EUR",
    "record": {"company": "A", "date": None, "address": None, "total": "2"},
}
TASK = """
from typing import Annotated
from pydantic import BaseModel
from boardwright.schemas.fields import Text
from boardwright.schemas.task import Task


class Record(BaseModel):
    {field}


task = Task(name="bad", record=Record, instruction="Read.")
"""


@pytest.fixture
def clean(tmp_path: Path) -> House:
    return House(tmp_path / "house")


def refused(house: House, *args: str | Path) -> str:
    """Run a command that must refuse; return what it said."""
    out = house.root / "out"
    where: list[str | Path] = ["-o", out] if args[1] == "build" else []
    ran = house.run(*args, *where)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    assert not out.exists() or not list(out.iterdir())
    return ran.stderr


def examples(folder: Path, *lines: str) -> Path:
    path = folder / "examples.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "b", "text": "x"', ["examples.jsonl:2", "not a JSON object"]),
        (json.dumps(GOOD | {"id": "b", "text": ""}), ["examples.jsonl:2", "'text' is missing or empty"]),
        (json.dumps(GOOD), ["examples.jsonl:2", "used before", "line 1"]),
        (json.dumps(GOOD | {"id": "b", "record": {"company": 7}}), ["examples.jsonl:2 record.company", "7"]),
    ],
    ids=["broken line", "empty document", "id twice", "record against the schema"],
)
def test_an_example_file_is_refused_with_its_line(
    clean: House, student_gguf: Path, tmp_path: Path, line: str, said: list[str]
) -> None:
    path = examples(tmp_path, json.dumps(GOOD), line)
    message = refused(clean, "boardwright", "build", "receipt", "--student", student_gguf, "--examples", path)
    assert all(part in message for part in said), message


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("note: str", ["note", "largest length", "Text(80)"]),
        ("weight: float", ["weight", "not supported"]),
        ("inner: 'Record | None'", ["inner", "contains itself"]),
        ("lines: list[Annotated[str, Text(9)]]", ["lines", "number of items"]),
    ],
    ids=["unbounded string", "float", "recursive", "unbounded list"],
)
def test_a_schema_without_bounds_is_refused_when_the_task_loads(
    clean: House, tmp_path: Path, field: str, said: list[str]
) -> None:
    (tmp_path / "task.py").write_text(TASK.format(field=field), encoding="utf-8")
    message = refused(clean, "boardwright", "build", tmp_path)
    assert all(part in message for part in said), message


def test_an_unknown_target_encoding_student_or_stage_is_named_with_what_there_is(clean: House, tmp_path: Path) -> None:
    assert "did you mean 'rpi4-4gb'" in refused(clean, "boardwright", "build", "invoice", "--target", "rpi4-4bg")
    assert "Q8_0" in refused(clean, "boardwright", "build", "invoice", "--encodings", "Q9_0")
    assert "smollm2-135m-instruct" in refused(clean, "boardwright", "build", "invoice", "--student", tmp_path / "no")
    assert "tune" in refused(clean, "boardwright", "build", "invoice", "--from", "tunes")
    assert "--gate" in refused(clean, "boardwright", "build", "invoice", "--gate", "records_right=2")


def test_a_student_that_is_no_model_is_refused(clean: House, tmp_path: Path) -> None:
    fake = tmp_path / "student.gguf"
    fake.write_bytes(b"GGUF" + bytes(64))
    message = refused(clean, "boardwright", "build", "invoice", "--student", fake)
    assert "can't be read" in message and str(fake) in message
    (tmp_path / "folder").mkdir()
    message = refused(clean, "boardwright", "build", "invoice", "--student", tmp_path / "folder")
    assert "config.json" in message


@pytest.mark.slow
def test_a_full_disk_is_said_in_words_and_leaves_no_artifact(clean: House, student_gguf: Path, tmp_path: Path) -> None:
    clean.root.mkdir()
    command = [
        str(Path(sys.executable).with_name("boardwright")), "build", "invoice", "--student", str(student_gguf),
        "-o", str(clean.root / "out"),
    ]  # fmt: skip
    # A file system of 100 MB, which the student's 270 MB do not fit into; ours to mount in a namespace of our own.
    script = (
        f"mount -t tmpfs -o size=100m none {clean.root} && {shlex.join(command)}; code=$?; "
        f"find {clean.root} -name '*.safetensors' | wc -l; exit $code"
    )
    ran = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script], env=clean.environment, capture_output=True, text=True, check=False
    )
    if "Operation not permitted" in ran.stderr or "must be superuser" in ran.stderr:
        pytest.skip("this machine does not let us mount a file system of our own")
    assert ran.returncode == 2, ran.stderr
    assert "disk is full" in ran.stderr and "Traceback" not in ran.stderr
    assert ran.stdout.strip() == "0"
