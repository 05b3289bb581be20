"""A bundle is verified before it is laid out, and its prompt is certified before it answers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from llguidance import LLTokenizer

from boardwright.device.bundles import Installed, cache_folder, load_bundle
from boardwright.device.harness import Harness
from boardwright.schemas.errors import BadBundle, BadTask, KitError
from boardwright.schemas.keys import signing_key
from tests.conftest import GOLDEN_TEXT, TASK_PY, ByteEngine, golden_line, make_bundle


def byte_harness(installed: Installed) -> Harness:
    return Harness(installed.task, ByteEngine(512), LLTokenizer("byte"))


def test_a_bundle_brings_its_task_target_goldens_and_scores(tmp_path: Path, own_folders: Path) -> None:
    installed = load_bundle(make_bundle(tmp_path, b"weights"))
    assert installed.task.name == "ticket"
    assert installed.target.name == "host"
    assert [golden.text for golden in installed.goldens] == [GOLDEN_TEXT]
    assert installed.scores["held_out"]["fields_right"] == 0.975
    assert installed.model.read_bytes() == b"weights"
    assert installed.folder == own_folders / installed.bundle.id[:16]


def test_a_second_start_finds_the_folder_untouched(tmp_path: Path, own_folders: Path) -> None:
    path = make_bundle(tmp_path, b"weights")
    first = load_bundle(path)
    inode = first.model.stat().st_ino
    assert load_bundle(path).model.stat().st_ino == inode
    # No __pycache__ beside task.py: it would count as damage.
    assert sorted(one.name for one in first.folder.iterdir()) == [
        "golden.jsonl",
        "manifest.json",
        "manifest.json.minisig",
        "model.gguf",
        "scores.json",
        "target.json",
        "task",
    ]
    assert [one.name for one in (first.folder / "task").iterdir()] == ["task.py"]


@pytest.mark.parametrize("where", ["front", "middle", "end"])
def test_one_flipped_bit_and_nothing_is_laid_out(tmp_path: Path, own_folders: Path, where: str) -> None:
    path = make_bundle(tmp_path, b"weights" * 1000)
    data = bytearray(path.read_bytes())
    data[{"front": 80, "middle": len(data) // 2, "end": len(data) - 10}[where]] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadBundle):
        load_bundle(path)
    assert not own_folders.exists()


def test_a_stranger_is_refused_until_the_key_is_named(
    tmp_path: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_bundle(tmp_path, b"weights")
    public = tmp_path / "keys" / "boardwright.pub"
    monkeypatch.setenv("BOARDWRIGHT_KEYS", str(tmp_path / "board"))
    signing_key()
    with pytest.raises(BadBundle, match="not trusted") as refused:
        load_bundle(path)
    assert "--key" in str(refused.value)
    assert not own_folders.exists()
    assert load_bundle(path, public).task.name == "ticket"


@pytest.mark.parametrize(
    ("parts", "what", "where"),
    [
        ({"golden.jsonl": ""}, "no golden document", "golden.jsonl"),
        ({"golden.jsonl": '{"id": "a"}\n'}, "Field required", "golden.jsonl:1: text"),
        (
            {"golden.jsonl": '{"id": "a", "text": "t", "record": {}, "prompt_ids": []}\n'},
            "at least 1 item",
            "golden.jsonl:1: prompt_ids",
        ),
        ({"target.json": "{}"}, "Field required", "target.json: name"),
        ({"scores.json": "[]"}, "not a JSON object", "scores.json"),
        ({"scores.json": "{"}, "not JSON", "scores.json"),
    ],
)
def test_a_part_that_cannot_be_used_is_named(
    tmp_path: Path, own_folders: Path, parts: dict[str, str], what: str, where: str
) -> None:
    path = make_bundle(tmp_path, b"weights", parts)
    with pytest.raises(BadBundle, match=what) as refused:
        load_bundle(path)
    assert refused.value.where == f"{path}: {where}"
    assert not own_folders.exists()


@pytest.mark.parametrize(
    ("parts", "what"),
    [({}, "no such file"), ({"neighbours.json": "[]"}, "can't be read"), ({"neighbours.json": "{"}, "can't be read")],
)
def test_a_task_that_shows_neighbours_needs_them(
    tmp_path: Path, own_folders: Path, parts: dict[str, str], what: str
) -> None:
    task = TASK_PY.replace("limits=", "neighbour=True, limits=")
    with pytest.raises(BadBundle, match=what):
        load_bundle(make_bundle(tmp_path, b"weights", {"task/task.py": task, **parts}))


def test_a_task_that_does_not_load_is_a_bad_task(tmp_path: Path, own_folders: Path) -> None:
    with pytest.raises(BadTask, match="does not load"):
        load_bundle(make_bundle(tmp_path, b"weights", {"task/task.py": "import nothing_of_this_name"}))


def test_the_prompt_is_certified(tmp_path: Path, own_folders: Path) -> None:
    installed = load_bundle(make_bundle(tmp_path, b"weights"))
    installed.certify(byte_harness(installed))


@pytest.mark.parametrize(
    ("change", "token"),
    [
        (lambda ids: [*ids[:20], 0, *ids[21:]], 20),
        (lambda ids: ids[:-1], -1),
        (lambda ids: [*ids, 5], None),
    ],
    ids=["one differs", "one is missing", "one too many"],
)
def test_another_prompt_is_refused(
    tmp_path: Path, own_folders: Path, change: Callable[[list[int]], list[int]], token: int | None
) -> None:
    good = golden_line(GOLDEN_TEXT, ByteEngine(512).tokenize, {})
    bad = json.loads(good)
    count = len(bad["prompt_ids"])
    bad |= {"id": "the-second", "prompt_ids": change(bad["prompt_ids"])}
    installed = load_bundle(make_bundle(tmp_path, b"weights", {"golden.jsonl": good + json.dumps(bad) + "\n"}))
    with pytest.raises(BadBundle, match="template or the tokenizer differs") as refused:
        installed.certify(byte_harness(installed))
    place = count if token is None else token % count
    assert str(refused.value.where).endswith(f"document the-second, token {place}")


def test_another_template_is_refused(tmp_path: Path, own_folders: Path) -> None:
    parts = {"task/task.py": TASK_PY.replace("Read the ticket.", "Read the ticket!")}
    installed = load_bundle(make_bundle(tmp_path, b"weights", parts))
    with pytest.raises(BadBundle, match="template or the tokenizer differs"):
        installed.certify(byte_harness(installed))


def test_threads_are_the_targets_but_no_more_than_the_cores(
    tmp_path: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = load_bundle(make_bundle(tmp_path, b"weights", target="rpi5-4gb"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    assert board.threads() == (2, 4)
    assert board.threads(3) == (3, 3)
    assert board.threads(1, 2) == (1, 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(3)))
    assert board.threads() == (2, 3)


def test_zero_threads_are_all_cores(tmp_path: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = load_bundle(make_bundle(tmp_path, b"weights"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(5)))
    assert host.threads() == (5, 5)


def test_a_model_that_is_none_is_refused(tmp_path: Path, own_folders: Path) -> None:
    with pytest.raises(BadBundle, match="cannot load this model"):
        load_bundle(make_bundle(tmp_path, b"GGUF, but no more than that")).harness()


def test_where_bundles_are_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BOARDWRIGHT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    assert cache_folder() == Path("/home/ada/.cache/boardwright/bundles")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path("/home/ada/.cache/boardwright/bundles")
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    assert cache_folder() == Path("/c/boardwright/bundles")
    monkeypatch.setenv("BOARDWRIGHT_CACHE", "/b")
    assert cache_folder() == Path("/b")


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path, own_folders: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KitError, match="Cannot stage the bundle"):
        load_bundle(make_bundle(tmp_path, b"weights"), cache=tmp_path / "file" / "cache")
