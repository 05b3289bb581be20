"""A teacher that vLLM serves: its program is started, asked and ended. Here another of the same name stands for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from boardwright.build.teachers import vllm
from boardwright.build.teachers.base import Answer, BadTeacher, Question, Settings
from boardwright.build.teachers.resolve import resolve_teacher
from boardwright.schemas.steps import use_reporter
from tests.build.teachers.notes import Notes

ROOT = Path(__file__).parents[3]
# Takes a second to come up, has a child of its own, and leaves word of how it was called.
SERVES = f"""#!{sys.executable}
import json, os, subprocess, sys, time
sys.path.insert(0, {str(ROOT)!r})
from tests.build.teachers.openai_server import OpenAIServer
words = sys.argv[1:]
engine = subprocess.Popen(["sleep", "600"])
with open(os.environ["SEEN"], "w") as seen:
    json.dump({{"words": words, "offline": os.environ["HF_HUB_OFFLINE"], "pids": [os.getpid(), engine.pid]}}, seen)
time.sleep(1)
server = OpenAIServer(lambda number, body: body["messages"][0]["content"], port=int(words[words.index("--port") + 1]))
server.models = [words[words.index("--served-model-name") + 1]]
server.serve_forever()
"""
DIES = f"""#!{sys.executable}
print("INFO starting")
print("(EngineCore pid=7) ERROR Traceback (most recent call last):")
print("(EngineCore pid=7) ERROR   File core.py, line 7, in run")
print("(EngineCore pid=7) ERROR ValueError: No available memory for the cache blocks.")
raise RuntimeError("Engine core initialization failed. See root cause above.")
"""
QUICK = Settings(workers=2, timeout=5)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a program on the PATH under vLLM's name; returns a checkpoint's folder."""
    monkeypatch.setattr(vllm, "BETWEEN_TRIES", 0.05)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "teacher-2b"
    folder.mkdir()
    (folder / "config.json").write_text('{"max_position_embeddings": 2048}')

    def install(program: str) -> Path:
        (tmp_path / "vllm").write_text(program)
        (tmp_path / "vllm").chmod(0o755)
        return folder

    return install


def seen(tmp_path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((tmp_path / "seen").read_text())
    return told


def gone(pids: list[int], seconds: float = 10.0) -> bool:
    ended = time.monotonic() + seconds
    while any(alive(pid) for pid in pids) and time.monotonic() < ended:
        time.sleep(0.05)
    return not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def questions(count: int) -> Iterator[Question]:
    return (Question(str(i), f"prompt {i}", {"type": "object"}, None, "", 50, seed=i) for i in range(count))


def test_where_vllm_is_installed_it_serves_a_folder(installed: Callable[[str], Path], tmp_path: Path) -> None:
    folder = installed(SERVES)
    with closing(resolve_teacher(str(folder), QUICK)) as teacher:
        answers = list(teacher.ask(questions(5)))
        assert [answer.text for answer in answers if isinstance(answer, Answer)] == [f"prompt {i}" for i in range(5)]
        assert teacher.name == "vllm teacher-2b"
    told = seen(tmp_path)
    assert told["words"][:2] == ["serve", str(folder)]
    assert ("--max-model-len", "2048") in pairwise(told["words"])
    assert ("--host", "127.0.0.1") in pairwise(told["words"])
    assert told["offline"] == "1"
    assert gone(told["pids"])
    assert not list(tmp_path.glob("boardwright-vllm-*"))


def test_what_vllm_dies_of_is_told_and_transformers_takes_over(
    installed: Callable[[str], Path], tmp_path: Path
) -> None:
    pytest.importorskip("outlines")
    folder, notes = installed(DIES), Notes()
    with use_reporter(notes), pytest.raises(BadTeacher, match="transformers can load"):
        resolve_teacher(str(folder), QUICK)  # a folder of nothing but a config.json
    [log] = tmp_path.glob("boardwright-vllm-*")
    assert notes.said == [
        "vLLM does not serve this teacher: ValueError: No available memory for the cache blocks. "
        f"Transformers answers instead; all that vLLM said is in {log}."
    ]
    assert "See root cause above" in log.read_text()


def test_it_ends_with_whoever_started_it(installed: Callable[[str], Path], tmp_path: Path) -> None:
    folder = installed(SERVES)
    code = f"""
import time
from pathlib import Path
from boardwright.build.teachers.base import Settings
from boardwright.build.teachers.vllm import VllmTeacher
teacher = VllmTeacher(Path({str(folder)!r}), "x", Settings())
print("up", flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        server, engine = seen(tmp_path)["pids"]
        assert alive(server)
        parent.send_signal(signal.SIGKILL)
    assert gone([server])
    os.kill(engine, signal.SIGKILL)  # vLLM's own would have been ended by it


@pytest.mark.parametrize(
    "log, reason",
    [
        ("", "it says nothing"),
        ("one\ntwo.\n", "two"),
        ("Traceback (most recent call last)\n  File\nx.Error: a: b.\n\nDuring\nKeyError: 'c'\n", "Error: a: b"),
    ],
)
def test_the_reason_is_the_first_error(log: str, reason: str) -> None:
    assert vllm._reason(log) == reason
