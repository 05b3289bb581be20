"""A smaller student as a stage: looked up like any other, and what it is made into runs."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from boardwright.build.lora import check_same_tokens
from boardwright.build.pipeline import Request
from boardwright.build.shrink import shrink
from boardwright.build.store import Artifact, Store
from boardwright.schemas.errors import BadStudent
from boardwright.schemas.task import Task, Training, load_task
from boardwright.targets.profile import load_target
from tests.build.conftest import make_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def task() -> Task:
    return load_task("routing")


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with tokens and layers to spare."""
    generate = load_task("routing").documents()
    assert generate is not None
    texts = [example.text for example in islice(generate(2, "train"), 200)]
    return make_checkpoint(tmp_path_factory.mktemp("wide"), texts=texts, tokens=500, layers=4)


@pytest.fixture
def prepared(task: Task, tmp_path: Path) -> Artifact:
    generate = task.documents()
    assert generate is not None
    folder = tmp_path / "data"
    folder.mkdir()
    lines = [example.line() for example in islice(generate(1, "train"), 12)]
    (folder / "train.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return Artifact("d" * 64, folder, True, 0.0)


def made(task: Task, prepared: Artifact, student: Path, store: Store, training: Training) -> Artifact:
    request = Request(task, load_target("host"), "student", store.root, training, task.gates)
    return shrink(request, store, 1, prepared, Artifact("s" * 64, student, True, 0.0))


def config(artifact: Artifact) -> dict[str, int]:
    read: dict[str, int] = json.loads((artifact.path / "config.json").read_text())
    return read


def test_without_the_options_the_student_stays_as_it_is(
    task: Task, prepared: Artifact, tiny: Path, tmp_path: Path
) -> None:
    assert made(task, prepared, tiny, Store(tmp_path / "store"), Training()).path == tiny


def test_tokens_and_layers_go_and_the_second_time_it_is_looked_up(
    task: Task, prepared: Artifact, tmp_path: Path, wide: Path
) -> None:
    store, training = Store(tmp_path / "store"), Training(vocabulary=320, layers=3)
    small = made(task, prepared, wide, store, training)
    assert (config(small)["vocab_size"], config(small)["num_hidden_layers"]) == (320, 3)
    assert made(task, prepared, wide, store, training).reused
    longer = made(task, prepared, wide, store, replace(training, layers=0))
    assert longer.reused and (config(longer)["vocab_size"], config(longer)["num_hidden_layers"]) == (320, 4)


def test_distributions_of_other_tokens_are_refused(task: Task, prepared: Artifact, tmp_path: Path, wide: Path) -> None:
    small = made(task, prepared, wide, Store(tmp_path / "store"), Training(vocabulary=320))
    check_same_tokens(wide, wide)
    with pytest.raises(BadStudent, match="the student's own tokens") as raised:
        check_same_tokens(small.path, wide)
    assert raised.value.exit_code == 2 and "320" in str(raised.value.value)
