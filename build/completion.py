"""Completions: what a student is to write for a document, the loss on that alone, and trainers that watch it.

Knows nothing of schedules, checks or files.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import Sampler
from transformers import PreTrainedTokenizerFast

from boardwright.build.lora import Way, import_unsloth
from boardwright.build.precision import mixed
from boardwright.build.tokenizer import tokenize_with
from boardwright.schemas.errors import BadExample
from boardwright.schemas.examples import Example
from boardwright.schemas.prompt import END
from boardwright.schemas.records import canonical
from boardwright.schemas.task import Task

NOT_LEARNT = -100
# So many steps' documents are sorted by length together: those of one step are of one length, with little padding.
STEPS_SORTED = 50
# Activations of about a thousand tokens stay in the caches of a small workstation: with receipts of 470 tokens, two a
# pass train at 640 tokens/s where eight a pass reach 340 (2 cores).
TOKENS_PER_PASS = 1100
DISTILLED = 0.5  # of the loss is the goal's say, where there is one
Row = dict[str, list[int]]


def encode(task: Task, example: Example, tokenizer: PreTrainedTokenizerFast, neighbour_of: str | None = None) -> Row:
    """One example as {input_ids, labels}: loss on the completion alone, which ends with the end-of-turn token.

    neighbour_of: as of `Task.prompt`."""
    tokenize = tokenize_with(tokenizer)
    prefix, rest = task.prompt_ids(example.text, tokenize, neighbour_of=neighbour_of)
    completion = tokenize(canonical(task.record.model_validate(example.record)), False) + tokenize(END, True)
    prompt = prefix + rest
    return {"input_ids": prompt + completion, "labels": [NOT_LEARNT] * len(prompt) + completion}


def encode_all(task: Task, examples: Sequence[Example], tokenizer: PreTrainedTokenizerFast) -> list[Row]:
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


def completion(row: Row) -> list[int]:
    """What of an encoded example is to be written."""
    return [token for token in row["labels"] if token != NOT_LEARNT]


def reading_order(lengths: Sequence[int], steps: int, batch: int, seed: int) -> list[int]:
    """Which document comes when, steps × batch of them: every pass takes each once, in an order of its own.

    Drawn whole and at once: a training that was killed goes on with what it would have read. lengths: in tokens."""
    draw = random.Random(seed)
    stream: list[int] = []
    while len(stream) < steps * batch:
        stream += draw.sample(range(len(lengths)), len(lengths))
    stream = stream[: steps * batch]
    ordered = []
    for start in range(0, len(stream), STEPS_SORTED * batch):
        pool = sorted(stream[start : start + STEPS_SORTED * batch], key=lambda at: lengths[at])
        together = [pool[at : at + batch] for at in range(0, len(pool), batch)]
        draw.shuffle(together)
        ordered += [document for documents in together for document in documents]
    return ordered


def micro_batch(batch: int, mean_tokens: float) -> int:
    """Documents a pass on a CPU: the largest divisor of the batch whose tokens stay near TOKENS_PER_PASS."""
    fits = [n for n in range(1, batch + 1) if batch % n == 0 and n * mean_tokens <= TOKENS_PER_PASS]
    return max(fits, default=1)


def padded(rows: Sequence[Row], pad: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Rows of one width: input_ids, attention_mask and labels of shape (rows, width), on that device."""
    width = _even(max(len(row["input_ids"]) for row in rows))

    def column(values: list[list[int]], filler: int) -> torch.Tensor:
        return torch.tensor([one + [filler] * (width - len(one)) for one in values], device=device)

    return {
        "input_ids": column([row["input_ids"] for row in rows], pad),
        "attention_mask": column([[1] * len(row["input_ids"]) for row in rows], 0),
        "labels": column([row["labels"] for row in rows], NOT_LEARNT),
    }


def _even(width: int) -> int:
    """The next of eight widths an octave, which is a twenty-fourth more on the mean.

    Tensors of another size for each pass leave holes in the heap that none of the next ones fits. glibc (before its
    bug 30723 was mended) does not join them, and after a hundred passes malloc takes a third of the time to look
    through them."""
    step = 1 << max(0, width.bit_length() - 4)
    return -(-width // step) * step


def loss_on_cpu(model: Any, inputs: dict[str, Any], items: Any = None) -> torch.Tensor:
    """Mean loss a completion token, in nats: logits of those tokens alone, multiplied as the body is.

    items: tokens of all passes of the step, where it has several.  The loss is TRL's, which tiles the vocabulary in
    fp32: that takes a third of a step on two cores."""
    labels = inputs["labels"][:, 1:]
    wanted = labels != NOT_LEARNT
    logits = completion_logits(model.get_base_model(), inputs, wanted)
    losses = torch.nn.functional.cross_entropy(logits.float(), labels[wanted], reduction="sum")
    mean: torch.Tensor = losses / (items if items is not None else wanted.sum())
    return mean


def completion_logits(model: Any, inputs: dict[str, Any], wanted: torch.Tensor) -> torch.Tensor:
    """Logits of the tokens after those positions alone: the head of a student is a fifth of its weights.

    model: a causal language model of transformers.  wanted: bool, (rows, tokens - 1); returns (its count, n_vocab)."""
    return logits_and_states(model, inputs, wanted, states=False)[0]


def logits_and_states(
    model: Any, inputs: dict[str, Any], wanted: torch.Tensor, *, states: bool = True
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """Logits as `completion_logits` returns them, and what each layer gives, (rows, tokens, n_embd) each; none unless
    asked for."""
    with mixed(model.device.type):
        read = model.model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            output_hidden_states=states,
            use_cache=False,
        )
        logits: torch.Tensor = model.lm_head(read.last_hidden_state[:, :-1][wanted])
    return logits, read.hidden_states[1:] if states else ()


def divergence(found: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of distributions from their goal's, summed over rows, in nats. Both: logits of shape
    (tokens, n_vocab)."""
    aim, log_found = torch.log_softmax(goal.float(), -1), torch.log_softmax(found.float(), -1)
    return torch.nn.functional.kl_div(log_found, aim, log_target=True, reduction="sum")


def distilled_loss(model: Any, goal: Any, inputs: dict[str, Any], items: Any = None) -> torch.Tensor:
    """Mean loss a completion token, in nats, half of it the token that is right and half the goal's distribution of
    tokens (Hinton et al. 2015, at temperature 1).

    model: a PEFT model.  goal: a causal language model with the same tokens.  items: as of `loss_on_cpu`."""
    labels = inputs["labels"][:, 1:]
    wanted = labels != NOT_LEARNT
    found = completion_logits(model.get_base_model(), inputs, wanted).float()
    with torch.no_grad():
        aim = completion_logits(goal, inputs, wanted)
    right = torch.nn.functional.cross_entropy(found, labels[wanted], reduction="sum")
    both = (1 - DISTILLED) * right + DISTILLED * divergence(found, aim)
    mean: torch.Tensor = both / (items if items is not None else wanted.sum())
    return mean


def trainer_type(way: Way) -> Any:
    """SFTTrainer, reading in a given order and telling the loss of each step; on a CPU with a loss and with widths for
    CPUs, and with `goal` set, towards that model's distributions.

    Imported here and not above: Unsloth replaces TRL's classes by its own, and has to come before them."""
    if way == "unsloth":
        import_unsloth()
    from trl import SFTTrainer

    class Trainer(SFTTrainer):
        order: Sequence[int] = ()
        goal: Any = None
        step_loss = 0.0

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            if way == "cpu":
                tokenizer: Any = self.processing_class
                self.data_collator = functools.partial(padded, pad=tokenizer.pad_token_id, device=torch.device("cpu"))

        def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
            return _InOrder(self.order)

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            loss = super().training_step(*args, **kwargs)  # type: ignore[no-untyped-call]
            self.step_loss += float(loss)  # a pass of several: the shares add up to the step's mean
            return loss

        def compute_loss(
            self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            if self.goal is not None:
                return distilled_loss(model, self.goal, inputs, num_items_in_batch)
            if way == "cpu":
                return loss_on_cpu(model, inputs, num_items_in_batch)
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)  # type: ignore[no-untyped-call]

    return Trainer


class _InOrder(Sampler[int]):
    def __init__(self, order: Sequence[int]) -> None:
        self._order = order

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[int]:
        return iter(self._order)
