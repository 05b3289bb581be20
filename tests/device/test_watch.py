"""A folder of documents becomes a folder of records: each once, none lost, nothing written while nothing comes."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from llguidance import LLTokenizer

from boardwright.device.bundles import load_bundle
from boardwright.device.harness import Harness
from boardwright.device.slots import State
from boardwright.device.watch import Inbox, notify, sweep, take, watch
from tests.conftest import ByteEngine, make_bundle

ROOT = Path(__file__).parents[2]
RECORD = {"kind": "bug", "urgent": False}
# The command with a harness over bytes, and a document that takes a while.
PROGRAM = """
import sys, time
from llguidance import LLTokenizer
from boardwright.device.bundles import Installed
from boardwright.device.cli import main
from boardwright.device.harness import Harness
from tests.conftest import ByteEngine

def harness(installed, **_):
    made = Harness(installed.task, ByteEngine(512), LLTokenizer("byte"))
    inner = made.extract_many
    def extract_many(texts, **_):
        for outcome in inner(texts):
            time.sleep(SECONDS)
            yield outcome
    made.extract_many = extract_many
    return made

Installed.harness = harness
main(["watch", "--interval", "0.05"])
"""


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state")
    sweep(state)
    return state


@pytest.fixture
def harness(tmp_path: Path, own_folders: Path) -> Harness:
    installed = load_bundle(make_bundle(tmp_path, b"no weights"))
    return Harness(installed.task, ByteEngine(512), LLTokenizer("byte"))


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_a_document_becomes_a_record(state: State, harness: Harness) -> None:
    (state.inbox / "a.txt").write_text("the printer is on fire")
    done = take(harness.extract_many, state, "a.txt")
    assert done and done.output == state.outbox / "a.json"
    told = json.loads(done.output.read_text())
    assert told["id"] == "a.txt" and told["record"].items() >= RECORD.items()
    assert names(state.inbox) == [] and names(state.failed) == []


def test_json_lines_become_json_lines(state: State, harness: Harness) -> None:
    (state.inbox / "a.jsonl").write_text('{"id": "x", "text": "fire"}\nnot json\n{"text": "smoke"}\n')
    done = take(harness.extract_many, state, "a.jsonl")
    assert done and (done.documents, done.failed) == (3, 1)
    told = [json.loads(line) for line in (state.outbox / "a.jsonl").read_text().splitlines()]
    assert [one["id"] for one in told] == ["x", "a.jsonl:2", "a.jsonl:3"]
    assert ["error" in one for one in told] == [False, True, False]


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "empty"), (b"\0\1", "binary"), (b"\xff", "not UTF-8"), (b"a" * 9000, "context")]
)
def test_what_is_no_document_is_put_aside_with_its_reason(
    state: State, harness: Harness, content: bytes, said: str
) -> None:
    (state.inbox / "a.txt").write_bytes(content)
    take(harness.extract_many, state, "a.txt")
    assert (state.failed / "a.txt").read_bytes() == content
    error = (state.failed / "a.txt.error").read_text()
    assert said in error and "a.txt" in error and "stdin" not in error
    assert names(state.inbox) == [] and names(state.outbox) == []


def test_a_record_that_was_written_before_a_restart_is_not_made_again(state: State, harness: Harness) -> None:
    (state.inbox / "a.txt").write_text("fire")
    take(harness.extract_many, state, "a.txt")
    inode = (state.outbox / "a.json").stat().st_ino
    (state.inbox / "a.txt").write_text("fire")
    take(harness.extract_many, state, "a.txt")
    assert (state.outbox / "a.json").stat().st_ino == inode and names(state.inbox) == []
    (state.inbox / "a.txt").write_text("another document of the same name")
    take(harness.extract_many, state, "a.txt")
    assert (state.outbox / "a.json").stat().st_ino != inode


def test_a_document_that_is_still_written_is_left_alone(state: State) -> None:
    inbox = Inbox(state.inbox)
    with (state.inbox / "a.txt").open("w") as file:
        for part in ("one", "two"):
            file.write(part)
            file.flush()
            assert inbox.settled() == []
    assert inbox.settled() == ["a.txt"]


def test_only_plain_documents_are_taken(state: State, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("of somebody else")
    (state.inbox / "link.txt").symlink_to(tmp_path / "secret.txt")
    (state.inbox / ".hidden.txt").touch()
    (state.inbox / "scan.pdf").touch()
    (state.inbox / "folder.txt").mkdir()
    os.mkfifo(state.inbox / "pipe.txt")
    inbox = Inbox(state.inbox)
    assert [inbox.settled() for _ in range(3)] == [[], [], []]


def test_an_idle_folder_is_not_even_read(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox(state.inbox)
    inbox.settled()
    before = [(place, place.stat()) for place in (state.folder, state.inbox, state.outbox, state.failed)]
    monkeypatch.setattr(os, "scandir", lambda path: pytest.fail("it was read"))
    for _ in range(5):
        assert inbox.settled() == []
    monkeypatch.undo()
    assert [(place, place.stat()) for place, _ in before] == before


def test_a_full_disk_keeps_the_document(state: State, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    from boardwright.schemas.errors import NoSpace

    stop, said = threading.Event(), []

    def full(path: Path, text: str) -> None:
        raise NoSpace("the disk is full")

    def say(text: str) -> None:
        said.append(text)
        stop.set()

    monkeypatch.setattr("boardwright.device.watch.replace_text", full)
    (state.inbox / "a.txt").write_text("fire")
    watch(harness.extract_many, state, stop, say, 0.01)
    assert "the disk is full" in said[0] and names(state.inbox) == ["a.txt"]


@pytest.fixture
def start(
    state: State, tmp_path: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[float], subprocess.Popen[str]]]:
    """`boardwright-device watch` as a process; it takes so many seconds for a document."""
    monkeypatch.setenv("BOARDWRIGHT_STATE", str(state.folder))
    monkeypatch.setenv("BOARDWRIGHT_BUNDLE", str(make_bundle(tmp_path, b"no weights")))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / '.links'}")
    running = []

    def begin(seconds: float) -> subprocess.Popen[str]:
        code = PROGRAM.replace("SECONDS", str(seconds))
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends, "nothing happened for 20 s"
        time.sleep(0.02)


def test_it_says_when_the_model_is_loaded_and_ends_behind_the_document_at_hand(
    state: State, tmp_path: Path, start: Callable[[float], subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        process = start(0.5)
        assert listening.recv(100) == b"READY=1"
        for name in ("a.txt", "b.txt"):
            (state.inbox / name).write_text("fire")
        until(lambda: (state.outbox / "a.json").exists())
        time.sleep(0.2)  # the second one is at hand
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert listening.recv(100) == b"STOPPING=1"
    assert names(state.outbox) == ["a.json", "b.json"] and names(state.inbox) == []


def test_kills_lose_nothing_and_do_nothing_twice(state: State, start: Callable[[float], subprocess.Popen[str]]) -> None:
    rng = random.Random(5)
    wanted = [f"{number}.txt" for number in range(30)]
    for name in wanted:
        (state.inbox / name).write_text(f"document {name}")
    inodes: dict[str, int] = {}
    for _ in range(5):
        before = len(names(state.outbox))
        process = start(0.02)
        until(lambda before=before: len(names(state.outbox)) > before)  # type: ignore[misc]
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.wait()
        made = {one.name: one.stat().st_ino for one in state.outbox.glob("*.json")}
        assert made.items() >= inodes.items(), "a record was made again"
        inodes = made
    start(0)
    until(lambda: names(state.inbox) == [])
    assert names(state.outbox) == sorted(name.replace("txt", "json") for name in wanted)
    for name in wanted:
        told = json.loads((state.outbox / name.replace("txt", "json")).read_text())
        assert told["id"] == name


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("", "/nowhere/at/all", "@nobody-is-there", "relative"):
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        notify("READY=1")
