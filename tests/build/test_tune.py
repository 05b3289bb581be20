"""A training end to end, of a student that is real in every way but size; in test_unsloth.py through Unsloth too."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from transformers import AutoTokenizer

from boardwright.build.completion import encode, micro_batch
from boardwright.build.held_out import HeldOut
from boardwright.build.lora import merge
from boardwright.build.tune import _lesson
from boardwright.build.tune import tune as tune_in
from boardwright.schemas.errors import BadExample, TrainingFailed
from boardwright.schemas.examples import Example, write_examples
from boardwright.schemas.task import Task, Training, load_task

# trl and torch warn of things that concern GPUs and other optimizers.
pytestmark = pytest.mark.filterwarnings("ignore")
ABSURD, HOT = 30.0, 0.3
WAY: Any = os.environ.get("BOARDWRIGHT_TEST_WAY")  # none: this machine's
tune = partial(tune_in, way=WAY)


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("invoice")


@pytest.fixture(scope="module")
def examples(task: Task) -> list[Example]:
    generate = task.documents()
    assert generate is not None
    short = (example for example in generate(3, "train") if len(example.text) < 90)
    return list(itertools.islice(short, 16))


@pytest.fixture(scope="module")
def trained(task: Task, examples: list[Example], tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    training = Training(epochs=8, batch=4, learning_rate=1e-2, rank=4)
    tune(task, examples, examples[:4], tiny, training, folder)
    return folder


@pytest.fixture(scope="module")
def knowing(task: Task, examples: list[Example], tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student that knows something, as students do: one that knows nothing has nothing to lose to divergence."""
    folder = tmp_path_factory.mktemp("knowing")
    tune(task, examples[:4], examples[:4], tiny, Training(epochs=60, batch=4, learning_rate=2e-2, rank=16), folder)
    merge(tiny, folder / "adapter", folder / "merged")
    return folder / "merged"


def figures(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "tuned.json").read_text(encoding="utf-8"))
    return told


def test_an_example_that_the_context_cannot_hold_is_refused(
    task: Task, examples: list[Example], tiny: Path, tmp_path: Path
) -> None:
    long = Example("too-long", "word " * 2000, examples[0].record)
    with pytest.raises(BadExample, match="longer than the task's context") as raised:
        tune(task, [long], examples[:1], tiny, Training(), tmp_path)
    assert raised.value.where == "example too-long"


def test_a_misprint_that_the_context_has_no_room_for_is_left_out(tiny: Path) -> None:
    places = [("BAKER AND SONS", "HIGH STREET"), ("BLUE GARAGE", "LONG ROAD")] * 25
    shops = [
        Example(
            str(n),
            f"{company}\n{n} {street}",
            {"company": company, "date": None, "address": f"{n} {street}", "total": None},
        )
        for n, (company, street) in enumerate(places, 10)
    ]
    task = load_task("receipt").having_learnt(shops)
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    alone = replace(task, limits=replace(task.limits, context=1))  # no room for a neighbour, which goes first
    longest = max(len(encode(alone, shop, tokenizer)["input_ids"]) for shop in shops)
    exact = replace(task, limits=replace(task.limits, context=longest))
    rows = _lesson(exact, shops, shops[:2], tiny, Training(misprints=1.0), "cpu").rows
    assert len(shops) < len(rows) < 2 * len(shops)
    assert max(len(row["input_ids"]) for row in rows) == longest


def test_training_learns_and_leaves_its_curves(trained: Path) -> None:
    tuned = figures(trained)
    assert tuned["steps"] == tuned["planned"] == tuned["chosen_step"] == 32
    assert tuned["final_loss"] < 4.5  # chance is ln(318) = 5.8
    assert tuned["held_out_loss"] == tuned["checks"][-1]["loss"] < 4.5
    assert tuned["tokens_per_second"] > 0 and tuned["restarts"] == [] and tuned["stopped"] == ""
    assert [point["step"] for point in tuned["curve"]] == list(range(1, 33))
    assert max(point["learning_rate"] for point in tuned["curve"]) == pytest.approx(1e-2, rel=0.01)
    assert list((trained / "logs").rglob("events.out.tfevents.*"))
    assert {path.name for path in (trained / "adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_the_same_seed_learns_the_same_and_another_does_not(
    trained: Path, task: Task, examples: list[Example], tiny: Path, tmp_path: Path
) -> None:
    for seed, same in ((7, True), (8, False)):
        training = Training(epochs=8, batch=4, learning_rate=1e-2, rank=4, seed=seed)
        tune(task, examples, examples[:4], tiny, training, tmp_path / str(seed))
        adapters = [(one / "adapter" / "adapter_model.safetensors") for one in (trained, tmp_path / str(seed))]
        assert (adapters[0].read_bytes() == adapters[1].read_bytes()) is same


def test_a_goals_distributions_are_learnt_beside_the_labels(
    trained: Path, knowing: Path, task: Task, examples: list[Example], tiny: Path, tmp_path: Path
) -> None:
    training = Training(epochs=8, batch=4, learning_rate=1e-2, rank=4)
    tuned = tune(task, examples, examples[:4], tiny, training, tmp_path, goal=knowing)
    assert tuned.curve[-1].loss < tuned.curve[0].loss
    assert tuned.held_out_loss < 4.5
    # Half the loss is another one from the first step on.
    assert abs(tuned.curve[0].loss - figures(trained)["curve"][0]["loss"]) > 0.05


PROGRAM = """
import os, sys
from pathlib import Path
from boardwright.build.tune import tune
from boardwright.schemas.examples import read_examples
from boardwright.schemas.task import Training, load_task

task = load_task("invoice")
examples = read_examples(Path(sys.argv[1]), task.record)
training = Training(epochs=8, batch=4, learning_rate=1e-2, rank=4)
way = os.environ.get("BOARDWRIGHT_TEST_WAY")
tune(task, examples, examples[:4], Path(sys.argv[2]), training, Path(sys.argv[3]), way)
"""


def test_a_training_that_was_killed_goes_on_to_the_same_adapter(
    trained: Path, examples: list[Example], tiny: Path, tmp_path: Path
) -> None:
    """In its second pass over the documents: what it has still to read is what it would have read."""
    write_examples(tmp_path / "examples.jsonl", examples)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "examples.jsonl"), str(tiny), str(tmp_path)]
    environment = os.environ | {"BOARDWRIGHT_CHECKPOINT_SECONDS": "0"}
    first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not [one for one in tmp_path.glob("scratch/checkpoint-*/watch.json") if int(one.parent.name[11:]) >= 6]:
        assert first.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not (tmp_path / "tuned.json").exists()
    subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, check=True)
    whole, resumed = (load_file(one / "adapter" / "adapter_model.safetensors") for one in (trained, tmp_path))
    assert all(resumed[name].equal(weight) for name, weight in whole.items())
    assert [check["loss"] for check in figures(tmp_path)["checks"]] == [
        check["loss"] for check in figures(trained)["checks"]
    ]


@pytest.mark.parametrize("checks", ["one at the end", "many"])
def test_a_training_that_diverges_goes_back_at_half_the_rate_until_it_learns(
    checks: str, task: Task, examples: list[Example], knowing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if checks == "many":
        monkeypatch.setattr("boardwright.build.held_out.SHARE", 100.0)
        monkeypatch.setattr("boardwright.build.held_out.WRITTEN", 0)
    training = Training(epochs=20, batch=4, learning_rate=HOT, rank=4, patience=0)
    tuned = tune(task, examples[:4], examples[:4], knowing, training, tmp_path)
    assert 1 <= len(tuned.restarts) <= 3
    assert [one.learning_rate for one in tuned.restarts] == [HOT / 2 ** (n + 1) for n in range(len(tuned.restarts))]
    # To the best check so far, or to the beginning where there was none.
    assert any(one.back_to for one in tuned.restarts) is (checks == "many")
    assert all(one.back_to < one.at for one in tuned.restarts)
    assert tuned.held_out_loss < 3.5 and tuned.steps == 20  # collapsed, it is at 5.8
    last = tuned.restarts[-1]
    rates = [point.learning_rate for point in tuned.curve if point.step > last.back_to]
    assert max(rates) == pytest.approx(last.learning_rate, rel=0.05)
    assert figures(tmp_path)["restarts"] == [asdict(one) for one in tuned.restarts]


def test_an_absurd_learning_rate_ends_in_words(
    task: Task, examples: list[Example], knowing: Path, tmp_path: Path
) -> None:
    training = Training(epochs=20, batch=4, learning_rate=ABSURD, rank=4)
    with pytest.raises(TrainingFailed, match="diverged at every learning rate") as raised:
        tune(task, examples[:4], examples[:4], knowing, training, tmp_path)
    assert raised.value.exit_code == 1
    assert "30, 15, 7.5, 3.75" in str(raised.value) and "--learning-rate" in str(raised.value)
    assert not (tmp_path / "adapter").exists()


def test_the_best_checkpoint_is_kept_and_patience_has_an_end(
    task: Task, examples: list[Example], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best by the probability missed, while the loss still falls."""
    monkeypatch.setattr("boardwright.build.held_out.SHARE", 100.0)  # as many checks as there may be
    monkeypatch.setattr("boardwright.build.held_out.WRITTEN", 1)
    missed = iter([0.9, 0.5, 0.6, 0.7, 0.4])
    look = HeldOut.look
    monkeypatch.setattr(HeldOut, "look", lambda self, *given: replace(look(self, *given), missed=next(missed)))
    training = Training(epochs=20, batch=4, learning_rate=1e-2, rank=8, patience=2)
    tuned = tune(task, examples[:8], examples[:8], tiny, training, tmp_path)
    checks = tuned.checks
    assert tuned.steps < tuned.planned and "no check was better in the 2" in tuned.stopped
    assert len(checks) == 4 and tuned.chosen_step == checks[1].step
    assert (tuned.held_out_missed, tuned.held_out_loss) == (0.5, checks[1].loss)
    assert checks[3].loss < checks[1].loss
    kept = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    last = load_file(tmp_path / "scratch" / f"checkpoint-{tuned.steps}" / "adapter_model.safetensors")
    assert any(not last[name].equal(weight) for name, weight in kept.items())


def test_a_pass_holds_about_a_thousand_tokens() -> None:
    assert micro_batch(8, 470) == 2
    assert micro_batch(8, 200) == 4
    assert micro_batch(4, 200) == 4
    assert micro_batch(8, 5000) == 1
