"""The tuning stage: a training for each seed asked for, each an artifact of the store, and the best of them.

Knows nothing of how a training goes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from boardwright.build.ids import file_id
from boardwright.build.store import Artifact, Store
from boardwright.schemas.examples import read_examples
from boardwright.schemas.steps import current_step, step
from boardwright.schemas.task import Training

if TYPE_CHECKING:
    from boardwright.build.pipeline import Request


# Words of a training that make another student, another data set or another artifact, and are in the id of that; or
# of which one training knows nothing.
ELSEWHERE = ("seeds", "rounding", "vocabulary", "layers", "distil_from", "synthetic_train", "synthetic_valid")


def tune_seeds(
    request: Request, store: Store, version: int, prepared: Artifact, student: Artifact, goal: Artifact | None
) -> Artifact:
    """The adapter of the seed that misses least of the held-out documents, the first of several equal ones.

    Documents are drawn once, with the first seed; what differs is the adapter's start and the order of reading."""
    first = request.training.seed
    made = [
        _tune(request, store, version, prepared, student, goal, replace(request.training, seed=seed))
        for seed in range(first, first + request.training.seeds)
    ]
    if len(made) == 1:
        return made[0]
    with step("Choose the best seed"):
        missed = [_missed(one.path) for one in made]
        best = missed.index(min(missed))
        told = ", ".join(f"{first + number}: {100 * share:.2f} %" for number, share in enumerate(missed))
        current_step().note(f"held-out tokens missed by seed {told}; seed {first + best} is kept")
    return made[best]


def _tune(
    request: Request,
    store: Store,
    version: int,
    prepared: Artifact,
    student: Artifact,
    goal: Artifact | None,
    training: Training,
) -> Artifact:
    task = request.task
    train, valid = (prepared.path / f"{part}.jsonl" for part in ("train", "valid"))

    def make(folder: Path) -> None:
        from boardwright.build.tune import tune

        examples, held_out = (read_examples(path, task.record) for path in (train, valid))
        tuned = tune(task, examples, held_out, student.path, training, folder, goal=goal.path if goal else None)
        current_step().note(
            f"{tuned.steps} steps, {tuned.tokens_per_second:,.0f} tokens/s, loss {tuned.final_loss:.4f}"
        )

    recipe = {name: value for name, value in asdict(training).items() if name not in ELSEWHERE}
    # Of the task, training depends on these three; a gate changed in task.py trains nothing anew, nor does a
    # comparator, which only what checks tell depends on.
    contract = f"{task.prompt_source}\n{task.shape}\n{task.limits.context}"
    return store.produce(
        "tune",
        version,
        {**recipe, "contract": hashlib.sha256(contract.encode()).hexdigest()},
        # Held-out documents teach nothing, but they choose the checkpoint.
        [file_id(train), file_id(valid), student.id, *([goal.id] if goal else [])],
        make,
        title="Tune the student" + (f", seed {training.seed}" if request.training.seeds > 1 else ""),
        resumable=True,
        redo=request.again("tune"),
    )


def _missed(folder: Path) -> float:
    missed: float = json.loads((folder / "tuned.json").read_text(encoding="utf-8"))["held_out_missed"]
    return missed
