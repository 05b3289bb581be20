"""Several seeds are several artifacts, and the best of them is what is merged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from boardwright.build.ids import content_id
from boardwright.build.pipeline import Request
from boardwright.build.seeds import tune_seeds
from boardwright.build.store import Artifact, Store
from boardwright.schemas.examples import write_examples
from boardwright.schemas.task import Task, Training, load_task
from boardwright.targets.profile import load_target

MISSED = {7: 0.3, 8: 0.1, 9: 0.2}


@pytest.fixture
def prepared(tmp_path: Path) -> Artifact:
    generate = load_task("invoice").documents()
    assert generate is not None
    drawn = generate(1, "train")
    for part in ("train", "valid"):
        write_examples(tmp_path / f"{part}.jsonl", [next(drawn) for _ in range(2)])
    return Artifact("a" * 64, tmp_path, True, 0.0)


class Figures(Store):
    """Trainings are told by their figures alone."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: list[tuple[str, str]] = []

    def produce(self, stage: str, version: int, options: Any, inputs: Any, make: Any, **more: Any) -> Artifact:
        id = content_id(stage, version, options, inputs)
        self.asked.append((more["title"], id))
        folder = self.root / id
        folder.mkdir(exist_ok=True)
        (folder / "tuned.json").write_text(json.dumps({"held_out_missed": MISSED[options["seed"]]}))
        return Artifact(id, folder, False, 0.0)


def tuned(
    store: Store, prepared: Artifact, training: Training, task: Task | None = None, goal: Artifact | None = None
) -> Artifact:
    task = task or load_task("invoice")
    request = Request(task, load_target("host"), "student", store.root, training, task.gates)
    return tune_seeds(request, store, 1, prepared, prepared, goal)


def test_the_seed_that_misses_least_is_kept(tmp_path: Path, prepared: Artifact) -> None:
    store = Figures(tmp_path / "store")
    best = tuned(store, prepared, Training(seed=7, seeds=3))
    titles, ids = zip(*store.asked, strict=True)
    assert titles == ("Tune the student, seed 7", "Tune the student, seed 8", "Tune the student, seed 9")
    assert best.id == ids[1]


def test_a_seed_trained_before_is_looked_up(tmp_path: Path, prepared: Artifact) -> None:
    store = Figures(tmp_path / "store")
    alone = tuned(store, prepared, Training(seed=8))
    assert store.asked[0][0] == "Tune the student"
    assert tuned(store, prepared, Training(seed=7, seeds=2)).id == alone.id


def test_a_goal_is_another_training_and_what_others_make_is_none(tmp_path: Path, prepared: Artifact) -> None:
    store = Figures(tmp_path / "store")
    plain = tuned(store, prepared, Training())
    assert tuned(store, prepared, Training(), goal=replace(prepared, id="1" * 64)).id != plain.id
    elsewhere = Training(rounding=5, vocabulary=640, layers=3, distil_from="other", synthetic_train=9)
    assert tuned(store, prepared, elsewhere).id == plain.id


@pytest.mark.parametrize(
    "change", [{"adapter": "dora"}, {"frozen_layers": 2}, {"patience": 1}, {"rank": 8}, {"dropout": 0.1}]
)
def test_every_option_is_another_training(tmp_path: Path, prepared: Artifact, change: dict[str, Any]) -> None:
    store = Figures(tmp_path / "store")
    assert tuned(store, prepared, replace(Training(), **change)).id != tuned(store, prepared, Training()).id


def test_other_held_out_documents_choose_anew_and_a_gate_does_not(tmp_path: Path, prepared: Artifact) -> None:
    store = Figures(tmp_path / "store")
    task = load_task("invoice")
    first = tuned(store, prepared, Training())
    assert tuned(store, prepared, Training(), replace(task, comparators={"vendor": "exact"})).id == first.id
    assert tuned(store, prepared, Training(), replace(task, instruction="Read on.")).id != first.id
    valid = prepared.path / "valid.jsonl"
    valid.write_text(valid.read_text().splitlines()[0] + "\n")
    assert tuned(store, prepared, Training()).id != first.id
