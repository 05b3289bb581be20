"""Tune: a LoRA adapter for one task, trained on exactly the prompt that the board will render.

Knows nothing of quantization or boards, and leaves to others how the student is loaded (lora.py), what is learnt of a
document (completion.py), what a check finds (held_out.py) and when to stop or go back (watch_training.py).
"""

from __future__ import annotations

import json
import math
import random
import shutil
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from boardwright.build.completion import (
    TOKENS_PER_PASS,
    Row,
    completion,
    encode,
    encode_all,
    micro_batch,
    reading_order,
    trainer_type,
)
from boardwright.build.held_out import MOST_DOCUMENTS, HeldOut, Plan, plan
from boardwright.build.lora import (
    Way,
    check_options,
    check_same_tokens,
    compiled,
    load_bare,
    load_student,
    this_machines_way,
)
from boardwright.build.misprints import misprinted
from boardwright.build.precision import precision
from boardwright.build.splices import spliced
from boardwright.build.training_figures import Point, Tuned
from boardwright.build.watch_training import (
    Watch,
    best_check,
    checkpoint_at,
    checks_of,
    go_back,
    keep_checkpoints,
    last_checkpoint,
    restarts_so_far,
)
from boardwright.schemas.examples import Example
from boardwright.schemas.steps import current_step
from boardwright.schemas.task import Task, Training

POINTS = 100  # of the curve
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


@dataclass(frozen=True)
class _Lesson:
    """All that a training starts from, the same for every return to an earlier step."""

    rows: list[Row]
    order: list[int]
    tokens: int
    steps: int
    looks: Plan
    held_out: HeldOut
    tokenizer: PreTrainedTokenizerFast
    micro: int


def tune(
    task: Task,
    train: Sequence[Example],
    held_out: Sequence[Example],
    checkpoint: Path,
    training: Training,
    folder: Path,
    way: Way | None = None,
    goal: Path | None = None,
) -> Tuned:
    """Train an adapter into `folder/adapter`, its curves into `folder/logs` (TensorBoard) and `folder/tuned.json`.

    checkpoint: the student's folder.  folder/scratch keeps trainer checkpoints, from which a killed run goes on.
    way: what to train with, this machine's best unless told.  goal: a checkpoint whose token distributions are learnt
    beside the labels; then Unsloth, whose loss is its own, stands back.  Raises BadExample, BadTask, TrainingFailed.
    """
    way = way or this_machines_way()
    if goal is not None:
        check_same_tokens(checkpoint, goal)
        way = "cuda" if way == "unsloth" else way
    check_options(checkpoint, training, way)
    lesson = _lesson(task, train, held_out, checkpoint, training, way)
    scratch = folder / "scratch"
    while True:
        with redirect_stdout(sys.stderr):  # Unsloth talks
            trainer, watch = _attempt(lesson, task, checkpoint, training, folder, way, goal)
        if watch.diverged is None:
            break
        go_back(scratch, watch, trainer.state, training.learning_rate)
        del trainer
    best = best_check(trainer.state)
    assert best is not None, "the last step is always looked at"
    (folder / "adapter").mkdir(exist_ok=True)
    for name in ADAPTER_FILES:
        shutil.copyfile(checkpoint_at(scratch, best.step) / name, folder / "adapter" / name)
    steps = trainer.state.global_step
    tokens = sum(len(lesson.rows[at]["input_ids"]) for at in lesson.order[: steps * training.batch])
    curve = _curve(trainer.state.log_history)
    seconds = watch.seconds
    tuned = Tuned(
        seed=training.seed,
        learning_rate=training.learning_rate,
        steps=steps,
        planned=lesson.steps,
        chosen_step=best.step,
        stopped=watch.stopped,
        seconds=seconds,
        tokens=tokens,
        tokens_per_second=tokens / seconds,
        final_loss=sum(point.loss for point in curve[-5:]) / len(curve[-5:]),
        held_out_loss=best.loss,
        held_out_missed=best.missed,
        held_out_exact=best.exact,
        checks=checks_of(trainer.state),
        restarts=restarts_so_far(scratch),
        curve=curve,
    )
    (folder / "tuned.json").write_text(json.dumps(asdict(tuned), indent=1) + "\n", encoding="utf-8")
    return tuned


def _lesson(
    task: Task, train: Sequence[Example], held_out: Sequence[Example], checkpoint: Path, training: Training, way: Way
) -> _Lesson:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    rows = encode_all(task, train, tokenizer)
    copies = (
        *misprinted(task, train, training.misprints, training.seed),
        *spliced(task, train, training.splices, training.seed),
    )
    more = [encode(task, copy, tokenizer, neighbour_of=text) for copy, text in copies]
    # They can be longer than what they are copies of.
    rows += [row for row in more if len(row["input_ids"]) <= task.limits.context]
    # Not the first ones: files are often sorted by what is to be told.
    asked = random.Random(training.seed).sample(held_out, min(MOST_DOCUMENTS, len(held_out)))
    questions = encode_all(task, asked, tokenizer)
    steps = max(1, math.ceil(len(rows) * training.epochs / training.batch))
    lengths = [len(row["input_ids"]) for row in rows]
    order = reading_order(lengths, steps, training.batch, training.seed)
    tokens = sum(lengths[at] for at in order)
    looks = plan(steps, tokens, questions)
    asked, questions = asked[: looks.documents], questions[: looks.documents]
    longest = max(len(completion(row)) for row in rows)
    return _Lesson(
        rows=rows,
        order=order,
        tokens=tokens,
        steps=steps,
        looks=looks,
        held_out=HeldOut(task, asked, questions, tokenizer, looks.written, longest, TOKENS_PER_PASS),
        tokenizer=tokenizer,
        micro=micro_batch(training.batch, sum(lengths) / len(lengths)) if way == "cpu" else training.batch,
    )


def _attempt(
    lesson: _Lesson, task: Task, checkpoint: Path, training: Training, folder: Path, way: Way, goal: Path | None
) -> tuple[Any, Watch]:
    """Train from the newest checkpoint, or from the beginning, to an end or a divergence; the trainer and its watch."""
    from datasets import Dataset
    from transformers.trainer_callback import PrinterCallback

    scratch = folder / "scratch"
    peak = training.learning_rate / 2 ** len(restarts_so_far(scratch))
    watch = Watch(scratch, lesson.looks.steps, lesson.held_out.look, training.patience, peak)
    made = trainer_type(way)  # before the student is loaded: Unsloth wants to be first
    # Whatever is to be put around the weights that training sees goes around this model, before the trainer gets it.
    model = load_student(checkpoint, training, task.limits.context, way)
    if way == "cpu":
        compiled(model.get_base_model().model.layers, lesson.tokens)
    trainer = made(
        model=model,
        args=_arguments(training, lesson.steps, lesson.micro, folder, way),
        train_dataset=Dataset.from_list(lesson.rows),
        processing_class=lesson.tokenizer,
        callbacks=[watch],
    )
    trainer.order = lesson.order
    if goal is not None:
        trainer.goal = load_bare(goal, precision(model.device.type)).eval().requires_grad_(False).to(model.device)
    watch.trainer = trainer
    # It prints each log line as a dict; steps and TensorBoard carry them.
    trainer.remove_callback(PrinterCallback)
    step = last_checkpoint(scratch)
    keep_checkpoints(scratch, {step, _best_at(scratch, step)})
    if step:
        current_step().note(f"going on from step {step} of {lesson.steps}")
    trainer.train(resume_from_checkpoint=str(checkpoint_at(scratch, step)) if step else None)
    return trainer, watch


def _best_at(scratch: Path, step: int) -> int:
    """The step of the best check on the way to a checkpoint, which is kept beside it; 0 where there was none."""
    from transformers import TrainerState

    if not step:
        return 0
    best = best_check(TrainerState.load_from_json(str(checkpoint_at(scratch, step) / "trainer_state.json")))
    return best.step if best else 0


def _arguments(training: Training, steps: int, micro: int, folder: Path, way: Way) -> Any:
    from trl import SFTConfig

    return SFTConfig(
        output_dir=str(folder / "scratch"),
        max_steps=steps,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=training.batch // micro,
        learning_rate=training.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=min(10, steps // 5),
        weight_decay=0.0,
        max_grad_norm=1.0,
        bf16=precision("cpu" if way == "cpu" else "cuda") is torch.bfloat16,
        use_cpu=way == "cpu",
        gradient_checkpointing=False,
        max_length=None,
        packing=False,
        padding_free=False,  # Unsloth would turn it on by itself, and collate labels of its own
        logging_dir=str(folder / "logs"),
        logging_steps=max(1, steps // POINTS),
        # When to look and when to save is the watch's business.
        eval_strategy="no",
        save_strategy="no",
        report_to="tensorboard",
        disable_tqdm=True,
        log_level="error",
        dataloader_pin_memory=False,
        seed=training.seed,
    )


def _curve(logged: Sequence[dict[str, Any]]) -> list[Point]:
    return [Point(one["step"], one["loss"], one["learning_rate"]) for one in logged if "loss" in one]
