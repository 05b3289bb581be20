"""Packing: the same content is the same bundle, anything else gets the next counter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from boardwright.build.pack import pack
from boardwright.device.bundles import load_bundle
from boardwright.device.confidence import Calibration
from boardwright.schemas.bundle import open_bundle
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import BadBundle, BadTask
from boardwright.schemas.examples import Example
from boardwright.schemas.keys import signing_key
from boardwright.schemas.task import Task, load_task
from boardwright.targets.profile import load_target


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOARDWRIGHT_KEYS", str(tmp_path / "keys"))
    return tmp_path / "keys"


def packed(tmp_path: Path, task: Task | None = None, **changes: Any) -> Path:
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF" + bytes(100))
    drafts = tmp_path / "drafts.bin"
    drafts.write_bytes(b"{}\n")
    given: dict[str, Any] = {
        "student": "smollm2-135m-instruct",
        "licences": [{"name": "student", "license": "Apache-2.0", "source": "PyPI"}],
        "scores": {"fields_right": 0.97},
        "content_ids": {"tune": "0" * 64},
        "goldens": [{"id": "a", "text": "x", "record": {}, "prompt_ids": [1]}],
        "drafts": drafts,
        "calibration": Calibration(1.0, 2.0, 0.5, ((0.0, 1.0, 0.1),)),
        "folder": tmp_path / "out",
    }
    return pack(task or load_task("invoice"), load_target("host"), model, Encoding.Q8_0, **given | changes)


def counter(bundle: Path) -> int:
    return open_bundle(bundle, [signing_key().public]).manifest.counter


def test_a_bundle_holds_what_a_board_needs_and_where_it_came_from(tmp_path: Path) -> None:
    bundle = packed(tmp_path)
    assert bundle.name == "invoice-1.0.0-host.bwb"
    manifest = open_bundle(bundle, [signing_key().public]).manifest
    names = {entry.name for entry in manifest.files}
    assert names == {
        "model.gguf",
        "task/task.py",
        "target.json",
        "golden.jsonl",
        "scores.json",
        "drafts.bin",
        "sure.json",
    }
    assert manifest.content_ids == {"tune": "0" * 64}
    assert manifest.licences[0].license == "Apache-2.0"


def test_how_the_student_learnt_goes_with_it(tmp_path: Path) -> None:
    bundle = open_bundle(packed(tmp_path, training={"steps": 3}), [signing_key().public])
    assert json.loads(bundle.read("training.json", 1000)) == {"steps": 3}


def test_the_same_content_is_the_same_bytes(tmp_path: Path) -> None:
    bundle = packed(tmp_path)
    before, touched = bundle.read_bytes(), bundle.stat().st_mtime_ns
    assert packed(tmp_path).read_bytes() == before
    assert bundle.stat().st_mtime_ns == touched  # not even written again
    bundle.unlink()
    assert packed(tmp_path).read_bytes() == before


def test_new_content_gets_the_next_counter_and_old_content_its_own(tmp_path: Path) -> None:
    assert counter(packed(tmp_path)) == 1
    assert counter(packed(tmp_path, scores={"fields_right": 0.98})) == 2
    assert counter(packed(tmp_path)) == 1


def test_a_ledger_that_cannot_be_read_stops_it(tmp_path: Path, keys: Path) -> None:
    packed(tmp_path)
    (keys / "counters.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadBundle, match="ledger"):
        packed(tmp_path, scores={})


def test_a_closed_set_in_a_file_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOARDWRIGHT_CACHE", str(tmp_path / "cache"))
    installed = load_bundle(packed(tmp_path, load_task("intents")))
    assert installed.task.shape == load_task("intents").shape
    assert installed.task.folder != load_task("intents").folder


def test_the_neighbours_of_a_task_that_shows_one_go_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOARDWRIGHT_CACHE", str(tmp_path / "cache"))
    record = {"company": "BAKER", "date": None, "address": None, "total": "RM 3.00"}
    task = load_task("receipt").having_learnt([Example("1", "BAKER RM 3.00 CASH", record)])
    installed = load_bundle(packed(tmp_path, task))
    assert installed.task.prompt("BAKER 4.00") == task.prompt("BAKER 4.00")
    assert "RM 3.00" in installed.task.prompt("BAKER 4.00").document


def test_a_task_that_needs_the_files_beside_it_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "shared.py").write_text("INSTRUCTION = 'Read.'\n", encoding="utf-8")
    (folder / "task.py").write_text(
        "from typing import Literal\nfrom pydantic import BaseModel\n"
        "from boardwright.schemas.task import Task\nfrom .shared import INSTRUCTION\n\n"
        "class R(BaseModel):\n    kind: Literal['a', 'b']\n\ntask = Task('split', R, INSTRUCTION)\n",
        encoding="utf-8",
    )
    with pytest.raises(BadTask, match="does not load alone"):
        packed(tmp_path, load_task(folder))
    assert not list((tmp_path / "out").iterdir())
