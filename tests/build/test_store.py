"""The store: one output an id, whole or not at all, whatever happens on the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boardwright.build.store import JSON, Artifact, Store, content_id, default_root, file_id, folder_id
from boardwright.schemas.errors import KitError, NoSpace
from boardwright.schemas.steps import Event, use_reporter

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
options = st.dictionaries(st.text(max_size=8), values, max_size=4)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def writes(text: str = "weights", name: str = "model.gguf") -> Callable[[Path], None]:
    def make(work: Path) -> None:
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text(text)

    return make


def never(work: Path) -> None:
    raise AssertionError("made again")


def quantize(store: Store, make: Callable[[Path], None], **more: Any) -> Artifact:
    return store.produce("quantize", 1, {"encoding": "Q4_0"}, ["a" * 64], make, **more)


QUANTIZED = content_id("quantize", 1, {"encoding": "Q4_0"}, ["a" * 64])


def tidy(store: Store) -> bool:
    """Nothing half-made, half-deleted or locked lies about."""
    return not [*(store.root / "work").iterdir()] and not [*(store.root / "trash").iterdir()]


# Ids


@given(options, st.randoms())
def test_the_order_of_options_is_irrelevant(options: dict[str, JSON], random: Any) -> None:
    shuffled = list(options.items())
    random.shuffle(shuffled)
    assert content_id("tune", 1, options, ["x"]) == content_id("tune", 1, dict(shuffled), ["x"])


@given(options, options)
def test_other_options_give_another_id(one: dict[str, JSON], other: dict[str, JSON]) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (content_id("tune", 1, one, []) == content_id("tune", 1, other, [])) is same


def test_every_part_of_a_call_counts() -> None:
    ids = {
        content_id("tune", 1, {"rank": 16}, ["x", "y"]),
        content_id("merge", 1, {"rank": 16}, ["x", "y"]),
        content_id("tune", 2, {"rank": 16}, ["x", "y"]),
        content_id("tune", 1, {"rank": 16.0}, ["x", "y"]),
        content_id("tune", 1, {"rank": "16"}, ["x", "y"]),
        content_id("tune", 1, {"rank": 16}, ["y", "x"]),
        content_id("tune", 1, {"rank": 16}, ["xy"]),
    }
    assert len(ids) == 7
    assert all(len(id) == 64 for id in ids)


def test_ids_stay_the_same_between_releases() -> None:
    assert content_id("tune", 1, {"rank": 16, "name": "größer"}, []).startswith("3cbe53dc39d6ef82")


@pytest.mark.parametrize("option", [float("nan"), Path("/model"), {1, 2}])
def test_options_that_are_not_json_are_refused(option: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        content_id("tune", 1, {"option": option}, [])


def test_a_folder_is_its_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "task"
    (folder / "examples").mkdir(parents=True)
    (folder / "task.py").write_text("x = 1")
    (folder / "examples" / "valid.jsonl").write_text("{}")
    before = folder_id(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "task.cpython-311.pyc").write_text("")
    (folder / ".task.py.swp").write_text("")
    os.utime(folder / "task.py", (0, 0))
    assert folder_id(folder) == folder_id(shutil.copytree(folder, tmp_path / "copy")) == before
    (folder / "task.py").rename(folder / "tusk.py")
    assert folder_id(folder) != before


def test_a_file_is_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert file_id(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


# Making and looking up


def test_what_was_made_is_looked_up(store: Store) -> None:
    made = quantize(store, writes(name="sub/model.gguf"))
    assert (made.id, made.reused) == (QUANTIZED, False)
    assert made.path == store.root / "artifacts" / QUANTIZED[:2] / QUANTIZED
    assert (made.path / "sub" / "model.gguf").read_text() == "weights"
    again = quantize(store, never)
    assert again == Artifact(made.id, made.path, True, made.seconds)
    assert store.get(made.id) == made.path
    assert store.get("0" * 64) is None
    assert tidy(store)


def test_an_artifact_says_how_it_was_made(store: Store) -> None:
    about = json.loads((quantize(store, writes()).path / "artifact.json").read_text())
    assert about.pop("seconds") >= 0
    assert about.pop("boardwright")
    assert about == {
        "id": QUANTIZED,
        "stage": "quantize",
        "version": 1,
        "options": {"encoding": "Q4_0"},
        "inputs": ["a" * 64],
        "files": {"model.gguf": 7},
    }


def test_progress_says_what_was_made_and_what_was_reused(store: Store) -> None:
    events: list[Event] = []

    class Keep:
        def report(self, event: Event) -> None:
            events.append(event)

        def close(self) -> None:
            pass

    with use_reporter(Keep()):
        quantize(store, writes(), title="Quantize to Q4_0")
        quantize(store, never)
    said = [(event.step, event.kind) for event in events]
    assert said == [
        ("Quantize to Q4_0", "start"),
        ("Quantize to Q4_0", "done"),
        ("quantize", "start"),
        ("quantize", "reused"),
    ]


@pytest.mark.parametrize("damage", ["gone", "shorter"])
def test_a_damaged_artifact_is_made_again(store: Store, damage: str) -> None:
    model = quantize(store, writes()).path / "model.gguf"
    model.unlink() if damage == "gone" else model.write_text("w")
    assert store.get(QUANTIZED) is None
    assert not quantize(store, writes()).reused
    assert model.read_text() == "weights"


def test_redo_and_forget_make_it_again(store: Store) -> None:
    quantize(store, writes("old"))
    assert (quantize(store, writes("new"), redo=True).path / "model.gguf").read_text() == "new"
    assert store.forget(QUANTIZED)
    assert not store.forget(QUANTIZED)
    assert store.get(QUANTIZED) is None
    assert not quantize(store, writes()).reused
    assert tidy(store)


def test_a_redo_that_fails_leaves_the_old_one(store: Store) -> None:
    quantize(store, writes("old"))
    with pytest.raises(AssertionError, match="made again"):
        quantize(store, never, redo=True)
    assert (quantize(store, never).path / "model.gguf").read_text() == "old"


def test_links_are_refused_because_their_target_may_move(store: Store, tmp_path: Path) -> None:
    def make(work: Path) -> None:
        (work / "model.gguf").symlink_to(tmp_path)

    with pytest.raises(ValueError, match=r"model\.gguf is neither"):
        quantize(store, make)
    assert tidy(store)


def test_a_stage_cannot_pose_as_the_store(store: Store) -> None:
    with pytest.raises(ValueError, match="own file"):
        quantize(store, writes(name="artifact.json"))


# Failures


def test_a_failed_stage_leaves_nothing(store: Store) -> None:
    def make(work: Path) -> None:
        writes("half")(work)
        raise RuntimeError("loss is NaN")

    with pytest.raises(RuntimeError, match="loss is NaN"):
        quantize(store, make)
    assert tidy(store)
    assert store.size() == 0


def test_a_resumable_stage_finds_its_earlier_files_and_keeps_no_scratch(store: Store) -> None:
    def train(work: Path) -> None:
        checkpoint = work / "scratch" / "checkpoint"
        if not checkpoint.exists():
            checkpoint.parent.mkdir()
            checkpoint.write_text("step 300")
            raise KeyboardInterrupt
        (work / "adapter").write_text(checkpoint.read_text())

    with pytest.raises(KeyboardInterrupt):
        quantize(store, train, resumable=True)
    made = quantize(store, train, resumable=True)
    assert {path.name for path in made.path.iterdir()} == {"adapter", "artifact.json"}
    assert (made.path / "adapter").read_text() == "step 300"
    assert tidy(store)


CHILD = """
import os, sys, time
from pathlib import Path
from boardwright.build.store import Store
root, mode = sys.argv[1:]
def make(work):
    log = Path(root) / "made"
    with log.open("a") as file:
        file.write(",".join(sorted(path.name for path in work.iterdir())) + ";")
    (work / "model.gguf").write_text("weights" if mode == "finish" else "half")
    if mode == "hang":
        print("half", flush=True)
        time.sleep(60)
    time.sleep(0.3)
artifact = Store(Path(root) / "store").produce(
    "quantize", 1, {"encoding": "Q4_0"}, ["a" * 64], make, resumable="resumable" in os.environ)
print(artifact.reused, (artifact.path / "model.gguf").read_text())
"""


def child(root: Path, mode: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(root), mode]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment)


@pytest.mark.parametrize(("environment", "found"), [({}, ""), ({"resumable": "1"}, "model.gguf")])
def test_a_killed_build_leaves_no_half_artifact(tmp_path: Path, environment: dict[str, str], found: str) -> None:
    with child(tmp_path, "hang", **environment) as killed:
        assert killed.stdout
        assert killed.stdout.readline() == "half\n"
        killed.send_signal(signal.SIGKILL)
    store = Store(tmp_path / "store")
    assert store.get(QUANTIZED) is None
    with child(tmp_path, "finish", **environment) as second:
        assert second.communicate()[0] == "False weights\n"
    # Only a stage that says it can go on sees what the killed one left.
    assert (tmp_path / "made").read_text() == f";{found};"
    assert tidy(store)


def test_a_build_killed_just_before_its_move_is_not_made_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def killed(path: Path, to: Path) -> Path:
        if path.parent.name == "work":
            raise SystemExit
        return rename(path, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(SystemExit):
            quantize(store, writes(), resumable=True)
    assert (quantize(store, never, resumable=True).path / "model.gguf").read_text() == "weights"


def test_two_processes_make_it_once(tmp_path: Path) -> None:
    with child(tmp_path, "finish") as one, child(tmp_path, "finish") as other:
        said = {one.communicate()[0], other.communicate()[0]}
    assert said == {"False weights\n", "True weights\n"}
    assert (tmp_path / "made").read_text() == ";"
    assert tidy(Store(tmp_path / "store"))


def test_many_threads_make_it_once(store: Store) -> None:
    made: list[int] = []
    results: list[Artifact] = []

    def make(work: Path) -> None:
        made.append(1)
        time.sleep(0.05)
        writes()(work)

    threads = [threading.Thread(target=lambda: results.append(quantize(store, make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(results), sum(result.reused for result in results)) == (1, 8, 7)


def test_a_full_disk_is_said_and_cleaned_up(tmp_path: Path) -> None:
    probe = ["unshare", "-Urm", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let a user mount a small disk (unshare -Urm)")
    code = """
import sys
from pathlib import Path
from boardwright.build.store import Store
from boardwright.schemas.errors import NoSpace
store = Store(Path(sys.argv[1]))
fill = lambda n: lambda work: (work / "model.gguf").write_bytes(b"x" * n) and None
try:
    store.produce("quantize", 1, {}, [], fill(4 << 20))
except NoSpace as error:
    print(error.where, error.value, store.size(), store.produce("quantize", 1, {}, [], fill(1000)).reused)
"""
    mount = f'mount -t tmpfs -o size=1m tmpfs "{tmp_path}" && exec "$@"'
    command = ["unshare", "-Urm", "sh", "-c", mount, "sh", sys.executable, "-c", code, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == f"{tmp_path} 1 MiB free after clean-up 0 False\n"


def test_a_full_disk_in_somebody_elses_words_is_a_full_disk(store: Store) -> None:
    def make(work: Path) -> None:
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")

    with pytest.raises(NoSpace) as caught:
        quantize(store, make)
    assert caught.value.where == store.root


# Keeping house


def age(path: Path, days: float) -> None:
    for below in [*path.rglob("*"), path]:
        os.utime(below, (time.time() - days * 86400,) * 2)


def test_prune_goes_by_last_use(store: Store) -> None:
    ids = [store.produce("tune", 1, {"seed": seed}, [], writes("w" * 1000)).id for seed in range(3)]
    for id in ids:
        age(store.root / "artifacts" / id[:2] / id, days=40)
    store.get(ids[1])
    assert store.prune(30) > 2000
    assert [store.get(id) is not None for id in ids] == [False, True, False]
    assert tidy(store)


def test_prune_removes_old_unfinished_work_but_none_that_is_being_made(store: Store) -> None:
    def make(work: Path) -> None:
        writes()(work)
        age(work, days=40)
        assert store.prune(30) == 0
        raise RuntimeError

    with pytest.raises(RuntimeError):
        quantize(store, make, resumable=True)
    assert store.size() > 0
    assert store.prune(30) == 7
    assert store.size() == 0
    assert tidy(store)


def test_the_size_is_that_of_all_files(store: Store) -> None:
    made = quantize(store, writes())
    assert store.size() == 7 + (made.path / "artifact.json").stat().st_size


def test_the_root_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BOARDWRIGHT_STORE", str(tmp_path / "own"))
    assert default_root() == tmp_path / "own"
    monkeypatch.delenv("BOARDWRIGHT_STORE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert default_root() == tmp_path / "cache" / "boardwright" / "store"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_root() == tmp_path / ".cache" / "boardwright" / "store"


def test_a_root_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KitError, match="Cannot make the store") as caught:
        Store(tmp_path / "file" / "store")
    assert "BOARDWRIGHT_STORE" in str(caught.value.next)
