"""Tune: a LoRA adapter for one task, trained on exactly the prompt that the board will render.

Knows nothing of quantization or boards. TRL and PEFT in bf16 on a CPU; Unsloth where CUDA is there, with the same
options and the same adapter layout.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint
from trl import SFTConfig, SFTTrainer

from boardwright.build.student import quiet_transformers
from boardwright.build.tokenizer import tokenize_with
from boardwright.schemas.errors import BadExample
from boardwright.schemas.examples import Example
from boardwright.schemas.prompt import END, prompt_ids
from boardwright.schemas.records import canonical
from boardwright.schemas.steps import current_step
from boardwright.schemas.task import Task, Training

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# Enough to see a curve bend; every held-out document is scored later, through the harness.
HELD_OUT_FOR_LOSS = 32
HELD_OUT_CHECKS = 3
SECONDS_BETWEEN_CHECKPOINTS = 90
# Activations of about a thousand tokens stay in the caches of a small workstation: with receipts of 470 tokens, two a
# pass train at 640 tokens/s where eight a pass reach 340 (2 cores).
TOKENS_PER_PASS = 1100


@dataclass(frozen=True)
class Tuned:
    """What training says of itself. Losses are means over completion tokens, in nats."""

    steps: int
    seconds: float
    tokens: int
    tokens_per_second: float
    final_loss: float
    held_out_loss: float


def encode(task: Task, example: Example, tokenizer: PreTrainedTokenizerFast) -> dict[str, list[int]]:
    """One example as {input_ids, labels}: loss on the completion alone, which ends with the end-of-turn token."""
    tokenize = tokenize_with(tokenizer)
    prefix, rest = prompt_ids(task.prompt(example.text), tokenize)
    completion = tokenize(canonical(task.record.model_validate(example.record)), False) + tokenize(END, True)
    prompt = prefix + rest
    return {"input_ids": prompt + completion, "labels": [-100] * len(prompt) + completion}


def encode_all(
    task: Task, examples: Sequence[Example], tokenizer: PreTrainedTokenizerFast
) -> list[dict[str, list[int]]]:
    """Encode a training set. Raises BadExample for a document that the task's context can't hold."""
    encoded = []
    for example in examples:
        row = encode(task, example, tokenizer)
        if len(row["input_ids"]) > task.limits.context:
            raise BadExample(
                "This example is longer than the task's context.",
                where=f"example {example.id}",
                value=f"{len(row['input_ids'])} tokens",
                allowed=f"{task.limits.context} tokens of prompt, document and record",
                next="shorten the document, or raise limits.context in task.py",
            )
        encoded.append(row)
    return encoded


def tune(
    task: Task,
    train: Sequence[Example],
    held_out: Sequence[Example],
    checkpoint: Path,
    training: Training,
    folder: Path,
) -> Tuned:
    """Train an adapter into `folder/adapter`, its curves into `folder/logs` (TensorBoard) and `folder/tuned.json`.

    checkpoint: the student's folder.  folder/scratch keeps trainer checkpoints, from which a killed run goes on.
    """
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    rows = encode_all(task, train, tokenizer)
    checks = encode_all(task, held_out[:HELD_OUT_FOR_LOSS], tokenizer)
    cuda = torch.cuda.is_available()
    model = _load_unsloth(checkpoint, training, task.limits.context) if cuda else _load_cpu(checkpoint, training)
    mean = sum(len(row["input_ids"]) for row in rows) / len(rows)
    micro = training.batch if cuda else micro_batch(training.batch, mean)
    steps = max(1, math.ceil(len(rows) * training.epochs / training.batch))
    scratch = folder / "scratch"
    progress = _Progress(scratch)
    trainer = (SFTTrainer if cuda else CompletionTrainer)(
        model=model,
        args=_arguments(training, steps, micro, folder, cuda),
        train_dataset=Dataset.from_list(rows),
        eval_dataset=Dataset.from_list(checks),
        processing_class=tokenizer,
        callbacks=[progress],
    )
    _silence(trainer)
    resume = get_last_checkpoint(str(scratch)) if scratch.is_dir() else None
    if resume:
        current_step().note(f"going on from step {resume.rsplit('-', 1)[-1]} of {steps}")
    outcome = trainer.train(resume_from_checkpoint=resume)
    held_out_loss = _held_out_loss(trainer)
    trained: Any = trainer.model
    trained.save_pretrained(folder / "adapter", safe_serialization=True)
    tokens = round(sum(len(row["input_ids"]) for row in rows) * steps * training.batch / len(rows))
    seconds = progress.seconds_before + float(outcome.metrics["train_runtime"])
    tuned = Tuned(
        steps=steps,
        seconds=seconds,
        tokens=tokens,
        tokens_per_second=tokens / seconds,
        final_loss=_last_loss(trainer.state),
        held_out_loss=held_out_loss,
    )
    (folder / "tuned.json").write_text(json.dumps(asdict(tuned), indent=1) + "\n", encoding="utf-8")
    return tuned


def micro_batch(batch: int, mean_tokens: float) -> int:
    """Documents a pass on a CPU: the largest divisor of the batch whose tokens stay near TOKENS_PER_PASS."""
    fits = [n for n in range(1, batch + 1) if batch % n == 0 and n * mean_tokens <= TOKENS_PER_PASS]
    return max(fits, default=1)


def merge(checkpoint: Path, adapter: Path, folder: Path) -> None:
    """Fold an adapter into its student; a checkpoint folder in fp16.

    The sum is made in fp32 on the bf16 weights that training saw, then rounded once; fp16 keeps three more bits than
    bf16 and is what a GGUF holds. Raises BadStudent if a weight does not fit.
    """
    from boardwright.schemas.errors import BadStudent

    with quiet_transformers():
        base = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, local_files_only=True)
    merged: Any = PeftModel.from_pretrained(base, adapter)
    merged = merged.merge_and_unload(safe_merge=True)
    for name, weight in merged.named_parameters():
        if weight.abs().max() > torch.finfo(torch.float16).max:
            raise BadStudent("A merged weight does not fit into fp16.", where=name, value=float(weight.abs().max()))
    merged.half().save_pretrained(folder, safe_serialization=True)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(folder)


def _arguments(training: Training, steps: int, micro: int, folder: Path, cuda: bool) -> SFTConfig:
    return SFTConfig(
        output_dir=str(folder / "scratch"),
        max_steps=steps,
        per_device_train_batch_size=micro,
        per_device_eval_batch_size=micro,
        gradient_accumulation_steps=training.batch // micro,
        learning_rate=training.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=min(10, steps // 5),
        weight_decay=0.0,
        prediction_loss_only=True,
        max_grad_norm=1.0,
        bf16=True,
        use_cpu=not cuda,
        gradient_checkpointing=False,
        # Batches of one length waste nothing on padding.
        group_by_length=True,
        max_length=None,
        packing=False,
        logging_dir=str(folder / "logs"),
        logging_steps=max(1, steps // 100),
        eval_strategy="steps",
        eval_steps=max(1, steps // HELD_OUT_CHECKS),
        # When to save is the callback's business: by the clock, not by steps.
        save_strategy="no",
        save_total_limit=1,
        report_to="tensorboard",
        disable_tqdm=True,
        log_level="error",
        dataloader_pin_memory=False,
        seed=training.seed,
    )


def _load_cpu(checkpoint: Path, training: Training) -> Any:
    torch.manual_seed(training.seed)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    with quiet_transformers():
        # Plain attention: PyTorch's fused bf16 kernels for CPUs take 38 % of a step at these lengths, this 15 %.
        model = AutoModelForCausalLM.from_pretrained(
            checkpoint, dtype=torch.bfloat16, local_files_only=True, attn_implementation="eager"
        )
    model.config.use_cache = False
    return get_peft_model(
        model,
        LoraConfig(
            r=training.rank,
            lora_alpha=2 * training.rank,
            target_modules=LINEAR,
            lora_dropout=0.0,
            bias="none",
            task_type="CAUSAL_LM",
        ),
    )


def _load_unsloth(checkpoint: Path, training: Training, context: int) -> Any:
    from unsloth import FastLanguageModel

    model, _ = FastLanguageModel.from_pretrained(
        str(checkpoint), max_seq_length=context, dtype=torch.bfloat16, load_in_4bit=False, local_files_only=True
    )
    return FastLanguageModel.get_peft_model(
        model,
        r=training.rank,
        lora_alpha=2 * training.rank,
        target_modules=LINEAR,
        lora_dropout=0.0,
        bias="none",
        use_gradient_checkpointing=False,
        random_state=training.seed,
        max_seq_length=context,
    )


class CompletionTrainer(SFTTrainer):
    """SFTTrainer with a loss for CPUs: logits of completion tokens alone, multiplied in bf16.

    The loss is the same; TRL's own tiles the vocabulary in fp32, which takes a third of a step on two cores.
    """

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        labels = inputs["labels"][:, 1:]
        wanted = labels != -100
        causal = model.get_base_model()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = causal.model(
                input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
            ).last_hidden_state
            logits = causal.lm_head(hidden[:, :-1][wanted])
        losses = torch.nn.functional.cross_entropy(logits.float(), labels[wanted], reduction="sum")
        loss = losses / (num_items_in_batch if num_items_in_batch is not None else wanted.sum())
        return (loss, {"logits": logits}) if return_outputs else loss


class _Progress(TrainerCallback):
    """Reports steps, asks for a checkpoint every so many seconds, and counts the seconds of killed runs too."""

    def __init__(self, scratch: Path) -> None:
        self._step = current_step()
        self._between = float(os.environ.get("BOARDWRIGHT_CHECKPOINT_SECONDS", SECONDS_BETWEEN_CHECKPOINTS))
        self._clock = scratch / "seconds"
        self.seconds_before = float(self._clock.read_text()) if self._clock.is_file() else 0.0
        self._began = self._saved = 0.0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._began = self._saved = self._step.seconds

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._step.progress(state.global_step, state.max_steps)
        if self._step.seconds - self._saved >= self._between:
            self._saved = self._step.seconds
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._clock.write_text(str(self.seconds_before + self._step.seconds - self._began))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if logs and "eval_loss" in logs:
            self._step.note(f"held-out loss {logs['eval_loss']:.4f} at step {state.global_step} of {state.max_steps}")


def _silence(trainer: SFTTrainer) -> None:
    """Drop the callback that prints each log line as a dict; steps and TensorBoard carry them."""
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)


def _held_out_loss(trainer: SFTTrainer) -> float:
    """After the last step; the curve may end there already."""
    for entry in trainer.state.log_history:
        if entry["step"] == trainer.state.max_steps and "eval_loss" in entry:
            return float(entry["eval_loss"])
    return float(trainer.evaluate()["eval_loss"])


def _last_loss(state: TrainerState) -> float:
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    return float(sum(losses[-5:]) / max(1, len(losses[-5:])))
