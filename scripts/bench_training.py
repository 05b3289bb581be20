"""What `scripts/bench-training` runs: steps of ours and of TRL's own trainer, in turn, over the same documents.

Both train the same LoRA with real trainers, optimizer and all. TRL's is as its defaults have it, but in fp32, which a
CPU gets from a checkpoint in fp32: SDPA, padding, its own loss, gradients recomputed ("gradient checkpointing"). Since
nobody needs to recompute gradients of so small a student, it also runs without.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from figures import write

OURS = "boardwright"
THEIRS = "TRL's defaults, fp32"
WITHOUT = "TRL in fp32, gradients kept"
CONTENDERS = {"ours": OURS, "trl": THEIRS, "trl-kept": WITHOUT}
GOAL = 2.5
# Steps that fill caches and are not counted.
WARM_UP = 2
# Seconds before each step: threads of the one before, which still spin for work, would be the next one's to bear.
REST = 0.3


def contend(given: argparse.Namespace) -> None:
    """A contender's process: make a step for each line on stdin, and tell its seconds, tokens and loss on stdout."""
    from datasets import Dataset
    from transformers import TrainerCallback

    from boardwright.build.completion import trainer_type
    from boardwright.build.lora import COMPILED_FROM, compiled, load_student
    from boardwright.schemas.task import load_task

    rows = json.loads(given.rows.read_text(encoding="utf-8"))
    training = load_task(given.task).training
    answers = sys.stdout
    sys.stdout = sys.stderr  # whatever the libraries say is no answer

    class Turns(TrainerCallback):
        began = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            if self.began:
                self.answer()
            sys.stdin.readline()
            self.began = time.perf_counter()

        def on_train_end(self, *_: Any, **__: Any) -> None:
            self.answer()

        def answer(self) -> None:
            print(json.dumps(time.perf_counter() - self.began), file=answers, flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        if given.contender == "ours":
            from boardwright.build.completion import micro_batch
            from boardwright.build.tune import _arguments

            mean = sum(len(row["input_ids"]) for row in rows) / len(rows)
            micro = micro_batch(training.batch, mean)
            model = load_student(given.student, training, 0, "cpu")
            compiled(model.get_base_model().model.layers, COMPILED_FROM)  # as of a training that is long enough
            trainer = trainer_type("cpu")(
                model=model,
                args=_arguments(training, given.steps, micro, Path(scratch), "cpu"),
                train_dataset=Dataset.from_list(rows),
                callbacks=[Turns()],
                processing_class=_tokenizer(given.student),
            )
            trainer.order = range(len(rows))
        else:
            trainer = _theirs(given, rows, training, scratch, [Turns()])
        trainer.train()


def _theirs(given: argparse.Namespace, rows: list[Any], training: Any, scratch: str, callbacks: list[Any]) -> Any:
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from torch.utils.data import SequentialSampler
    from transformers import AutoModelForCausalLM
    from trl import SFTConfig, SFTTrainer

    from boardwright.build.lora import LINEAR

    class InOrder(SFTTrainer):  # type: ignore[misc]
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return SequentialSampler(rows)

    kept = {"gradient_checkpointing": False} if given.contender == "trl-kept" else {}
    return InOrder(
        model=AutoModelForCausalLM.from_pretrained(given.student, dtype=torch.float32, local_files_only=True),
        args=SFTConfig(
            output_dir=scratch,
            max_steps=given.steps,
            per_device_train_batch_size=training.batch,
            learning_rate=training.learning_rate,
            bf16=False,
            use_cpu=True,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            log_level="error",
            dataloader_pin_memory=False,
            seed=training.seed,
            **kept,
        ),
        train_dataset=Dataset.from_list(rows),
        callbacks=callbacks,
        processing_class=_tokenizer(given.student),
        peft_config=LoraConfig(
            r=training.rank, lora_alpha=2 * training.rank, target_modules=LINEAR, task_type="CAUSAL_LM"
        ),
    )


def _tokenizer(student: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(student)


def prepare(given: argparse.Namespace, student: Path) -> list[dict[str, list[int]]]:
    """The documents of all steps, in the order in which all contenders read them."""
    from boardwright.build.completion import encode_all, reading_order
    from boardwright.build.data import document_source
    from boardwright.schemas.examples import read_examples
    from boardwright.schemas.task import load_task

    task = load_task(given.task)
    count = given.steps * task.training.batch
    if given.examples:
        examples = read_examples(given.examples, task.record)
    else:
        # More than are read, as a training has: documents of one length meet in a step.
        examples = list(itertools.islice(document_source(task)(task.training.seed, "train"), max(count, 800)))
    rows = encode_all(task.having_learnt(examples), examples, _tokenizer(student))
    lengths = [len(row["input_ids"]) for row in rows]
    steps = max(given.steps, len(rows) // task.training.batch)
    order = reading_order(lengths, steps, task.training.batch, task.training.seed)
    return [rows[at] for at in order[:count]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench-training", description=__doc__)
    parser.add_argument("--task", default="invoice")
    parser.add_argument("--examples", type=Path, help="labelled JSON lines; the task's own documents without")
    parser.add_argument("--student", default=None, help="as `boardwright build` takes it")
    parser.add_argument("--steps", type=int, default=22, help=f"of each contender; the first {WARM_UP} do not count")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender:
        given.student = Path(given.student)
        contend(given)
        return
    from boardwright.build.store import Store
    from boardwright.build.student import DEFAULT, resolve_student
    from boardwright.schemas.task import load_task

    student = resolve_student(given.student or DEFAULT, Store()).path
    rows = prepare(given, student)
    batch = load_task(given.task).training.batch
    tokens = [
        sum(len(row["input_ids"]) for row in rows[at : at + batch]) for at in range(0, given.steps * batch, batch)
    ]
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "rows.json")
        path.write_text(json.dumps(rows), encoding="utf-8")
        common = ["--task", given.task, "--student", str(student), "--steps", str(given.steps), "--rows", str(path)]
        running = {
            name: subprocess.Popen(
                [sys.executable, __file__, "--contender", name, *common],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in CONTENDERS
        }
        try:
            for _ in range(given.steps):
                for name, one in running.items():
                    assert one.stdin and one.stdout
                    time.sleep(REST)
                    one.stdin.write("go\n")
                    one.stdin.flush()
                    if not (answer := one.stdout.readline()):
                        sys.exit(f"{CONTENDERS[name]} ended without an answer")
                    seconds[name].append(json.loads(answer))
        finally:
            for one in running.values():
                one.stdin.close() if one.stdin else None
                one.terminate()
                one.wait()
    figures: dict[str, Any] = {
        CONTENDERS[name]: {
            "tokens_per_second": round(
                statistics.median(n / s for n, s in zip(tokens[WARM_UP:], took[WARM_UP:], strict=True)), 1
            ),
            "step_seconds": [round(one, 3) for one in took],
        }
        for name, took in seconds.items()
    }
    against = {
        name: round(
            statistics.median(b / a for a, b in zip(seconds["ours"][WARM_UP:], seconds[name][WARM_UP:], strict=True)), 2
        )
        for name in ("trl", "trl-kept")
    }
    write(
        "training",
        {
            "task": given.task,
            "steps": given.steps - WARM_UP,
            "tokens_a_step": round(statistics.mean(tokens[WARM_UP:])),
            **figures,
            f"times as fast as {THEIRS} (goal {GOAL})": against["trl"],
            f"times as fast as {WITHOUT}": against["trl-kept"],
        },
    )


if __name__ == "__main__":
    main()
