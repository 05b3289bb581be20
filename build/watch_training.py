"""The watch over a training: progress, checkpoints, held-out checks; when to stop, and when to go back.

Knows nothing of models or of what a check does. What it has to remember over a kill lies beside the checkpoints.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from boardwright.build.training_figures import Check, Restart
from boardwright.schemas.durable import replace_text
from boardwright.schemas.errors import TrainingFailed
from boardwright.schemas.steps import current_step

SECONDS_BETWEEN_CHECKPOINTS = 90
# A training has diverged when the mean loss of so many steps is over so many times the best such mean, or when a check
# finds more than so many times the loss that the untrained student began with. Under the floor (nats a token), the loss
# of single hard documents is as far apart.
SMOOTHED = 8
FAR_OVER = 3.0
FLOOR = 0.25
WORSE_THAN_UNTRAINED = 1.5
MOST_RESTARTS = 3
RESTARTS, SECONDS, MEMORY = "restarts.json", "seconds", "watch.json"


class Trainer(Protocol):
    """What the watch needs of the trainer that it watches."""

    step_loss: float
    state: Any

    def log(self, logs: dict[str, float]) -> None: ...


class Look(Protocol):
    def __call__(self, model: Any, step: int) -> Check: ...


class Watch(TrainerCallback):
    """Sits in a trainer's callbacks. The trainer is told to it afterwards: each needs the other.

    diverged: why and at which step, after a training that ended so.  stopped: why it ended early, or ""."""

    trainer: Trainer

    def __init__(self, scratch: Path, steps: Sequence[int], look: Look, patience: int, learning_rate: float) -> None:
        """steps: after which to look.  patience: checks without a better one before it ends, 0 for never.
        learning_rate: the peak, halved for each return so far."""
        self.diverged: tuple[int, str] | None = None
        self.stopped = ""
        self._scratch = scratch
        self._steps = frozenset(steps)
        self._look = look
        self._patience = patience
        self._learning_rate = learning_rate
        self._step = current_step()
        self._between = float(os.environ.get("BOARDWRIGHT_CHECKPOINT_SECONDS", SECONDS_BETWEEN_CHECKPOINTS))
        self._recent: deque[float] = deque(maxlen=SMOOTHED)
        self._first: float | None = None
        self._best = math.inf
        self._before = seconds_before(scratch)
        self._began = self._saved = 0.0

    @property
    def seconds(self) -> float:
        """Since training began, in earlier runs too, as far as their checkpoints tell."""
        return self._before + self._step.seconds - self._began

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        self._began = self._saved = self._step.seconds
        if state.global_step:
            memory = checkpoint_at(self._scratch, state.global_step) / MEMORY
            known = json.loads(memory.read_text(encoding="utf-8"))
            self._recent.extend(known["recent"])
            self._first, self._best = known["first"], known["best"]
        # A checkpoint brings the rate of its time with it; the one that holds is known here.
        scheduler, optimizer = given["lr_scheduler"], given["optimizer"]
        scheduler.base_lrs = [self._learning_rate] * len(scheduler.base_lrs)
        for group, factor in zip(optimizer.param_groups, scheduler.lr_lambdas, strict=True):
            group["initial_lr"] = self._learning_rate
            group["lr"] = self._learning_rate * factor(scheduler.last_epoch)
        scheduler._last_lr = [group["lr"] for group in optimizer.param_groups]  # what the log tells

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.trainer.step_loss = 0.0

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        self._step.progress(state.global_step, state.max_steps)
        why = self._wrong_with(self.trainer.step_loss)
        if not why and state.global_step in self._steps:
            check = self._look(given["model"], state.global_step)
            why = self._wrong_with_check(check)
            if not why:
                self._take(check, state, control)
        if why:
            self.diverged = (state.global_step, why)
            control.should_training_stop, control.should_save = True, False
        elif self._step.seconds - self._saved >= self._between:
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._saved = self._step.seconds
        memory = {"recent": list(self._recent), "first": self._first, "best": self._best}
        replace_text(checkpoint_at(self._scratch, state.global_step) / MEMORY, json.dumps(memory))
        replace_text(self._scratch / SECONDS, str(self.seconds))
        best = best_check(state)
        keep_checkpoints(self._scratch, {state.global_step, best.step if best else 0})

    def _take(self, check: Check, state: TrainerState, control: TrainerControl) -> None:
        log_too = control.should_log  # this step's loss, which the trainer would take for told
        self.trainer.log(check.to_log())
        control.should_log = log_too
        written = "" if check.fields is None else f", fields right {100 * check.fields:.0f} %"
        self._step.note(
            f"held-out loss {check.loss:.4f}, tokens missed {100 * check.missed:.2f} %, "
            f"records exact {100 * check.exact:.0f} %{written} at step {check.step} of {state.max_steps}"
        )
        for count, what in ((check.looping, "say the same over and over"), (check.too_long, "do not end in time")):
            if count:
                self._step.note(f"held-out records that {what}: {count}")
        control.should_save = True
        checks = checks_of(state)
        best = best_check(state)
        since = len(checks) - 1 - checks.index(best) if best else 0
        if self._patience and since >= self._patience and state.global_step < state.max_steps:
            self.stopped = f"no check was better in the {since} after step {best.step if best else 0}"
            self._step.note(f"stopping early: {self.stopped}")
            control.should_training_stop = True

    def _wrong_with(self, loss: float) -> str:
        """Why this step's loss is that of a training gone wrong, or nothing."""
        if not math.isfinite(loss):
            return "the loss is no number"
        if self._first is None:
            self._first = loss
        self._recent.append(loss)
        smoothed = fmean(self._recent)
        self._best = min(self._best, smoothed)
        if smoothed > FAR_OVER * max(self._best, FLOOR):
            return f"the loss rose to {smoothed:.3g} from {self._best:.3g}"
        return ""

    def _wrong_with_check(self, check: Check) -> str:
        first = self._first or 0.0
        if not check.loss <= WORSE_THAN_UNTRAINED * max(first, FLOOR):
            return f"the held-out loss is {check.loss:.3g}, and training began at {first:.3g}"
        return ""


def checks_of(state: TrainerState) -> list[Check]:
    """All checks on the way to this state, in order."""
    return [check for logged in state.log_history if (check := Check.from_log(logged))]


def best_check(state: TrainerState) -> Check | None:
    """By the probability missed. It weighs every token, where right and wrong records are too few to tell two checks
    apart, and none by more than 1: gold labels that contradict each other make a loss rise for as long as a student
    gets surer of all the others (Ghosh et al. 2017)."""
    return min(checks_of(state), key=lambda check: check.missed, default=None)


def checkpoint_at(scratch: Path, step: int) -> Path:
    return scratch / f"checkpoint-{step}"


def last_checkpoint(scratch: Path) -> int:
    """The step of the newest whole checkpoint, 0 where there is none. What the watch remembers is written last."""
    return max((int(path.parent.name.rsplit("-", 1)[1]) for path in scratch.glob(f"checkpoint-*/{MEMORY}")), default=0)


def keep_checkpoints(scratch: Path, steps: set[int]) -> None:
    """Delete all checkpoints but those of these steps; what a kill leaves of one counts as none."""
    kept = {checkpoint_at(scratch, step) for step in steps}
    for path in scratch.glob("checkpoint-*"):
        if path not in kept:
            (path / MEMORY).unlink(missing_ok=True)
            shutil.rmtree(path)


def restarts_so_far(scratch: Path) -> list[Restart]:
    path = scratch / RESTARTS
    return [Restart(**one) for one in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []


def seconds_before(scratch: Path) -> float:
    path = scratch / SECONDS
    return float(path.read_text(encoding="utf-8")) if path.is_file() else 0.0


def go_back(scratch: Path, watch: Watch, state: TrainerState, learning_rate: float) -> None:
    """Return to the checkpoint of the best check, or to the beginning, at half the rate.

    learning_rate: the task's, before any return.  Raises TrainingFailed when that was done often enough."""
    assert watch.diverged is not None
    at, why = watch.diverged
    restarts = restarts_so_far(scratch)
    halved = learning_rate / 2 ** (len(restarts) + 1)
    if len(restarts) == MOST_RESTARTS:
        tried = ", ".join(f"{learning_rate / 2**n:g}" for n in range(MOST_RESTARTS + 1))
        raise TrainingFailed(
            "The training diverged at every learning rate that was tried.",
            where=f"step {at}: {why}",
            value=learning_rate,
            allowed=f"less; tried: {tried}",
            next=f"boardwright build … --learning-rate {min(halved, learning_rate / 10):g}, or look at the examples",
        )
    best = best_check(state)
    back_to = best.step if best else 0
    # First of all: whoever comes back to this folder must not go on from what diverged.
    keep_checkpoints(scratch, {back_to})
    scratch.mkdir(parents=True, exist_ok=True)
    restarts.append(Restart(at, back_to, halved, why))
    replace_text(scratch / RESTARTS, json.dumps([asdict(one) for one in restarts]))
    replace_text(scratch / SECONDS, str(watch.seconds))
    current_step().note(f"diverged at step {at}: {why}; back to step {back_to} with a learning rate of {halved:g}")
