"""Held-out checks during training: the loss, and what the student would write, as cheaply as both can be had.

Knows nothing of trainers or of what a check is good for.

Greedy decoding writes the gold record, token for token, exactly when every token of it is the likeliest after those
before. So one forward pass over the gold records tells for all documents whether they would come out exactly, and for
the others up to where; only from there on is anything generated, and only for a few.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast

from boardwright.build.completion import NOT_LEARNT, Row, completion, completion_logits, padded
from boardwright.build.precision import mixed
from boardwright.build.training_figures import Check
from boardwright.schemas.compare import score
from boardwright.schemas.errors import BadRecord
from boardwright.schemas.examples import Example
from boardwright.schemas.records import parse
from boardwright.schemas.task import Task

# The fewer suffice to see a curve bend where records are long. Of records of a few tokens they tell no two checks apart
# (150 intents: losses from 0.005 to 0.09, up and down), so as many are read as the time for checks allows. Every
# held-out document is scored later, through the harness.
FEW_DOCUMENTS, MOST_DOCUMENTS = 32, 512
MOST_CHECKS = 8
# Of those documents, how many are written out; none in a training so short that this would be a good part of it.
WRITTEN = 8
# What checks may cost of training, in time, and what they cost, in tokens of training that take as long (2 cores,
# SmolLM2-135M; 0.37 and 33 were measured on one of them): a token read, a pass of generation whatever it holds.
SHARE = 0.045
READING = 0.4
WRITING = 40
# A run of tokens that comes so many times, back to back, over so many tokens: nobody's record.
TIMES, LEAST, LONGEST_PERIOD = 4, 16, 32


@dataclass(frozen=True)
class Plan:
    """When to look, and how closely. steps: ascending, the last of the training among them.  documents: for the loss.
    written: so many of those are written out."""

    steps: tuple[int, ...]
    documents: int
    written: int


def plan(steps: int, training_tokens: int, rows: Sequence[Row]) -> Plan:
    """As many checks as SHARE of the training's time pays for, evenly spread; of a short training, one at its end.

    training_tokens: of all steps together.  rows: the encoded held-out documents."""
    looked = rows[:FEW_DOCUMENTS]
    read = READING * sum(len(row["input_ids"]) for row in looked)
    write = WRITING * max(map(len, map(completion, rows[:MOST_DOCUMENTS])))
    affordable = int(SHARE * training_tokens / (read + write))
    checks = max(1, min(affordable, MOST_CHECKS, steps))
    for row in rows[FEW_DOCUMENTS:MOST_DOCUMENTS]:
        read += READING * len(row["input_ids"])
        if checks * (read + write) > SHARE * training_tokens:
            break
        looked = [*looked, row]
    steps_to_look = tuple(math.ceil(steps * n / checks) for n in range(1, checks + 1))
    return Plan(steps_to_look, len(looked), min(WRITTEN, len(looked)) if affordable else 0)


class HeldOut:
    """The documents of a plan, ready to be asked of a student in training."""

    def __init__(
        self,
        task: Task,
        examples: Sequence[Example],
        rows: Sequence[Row],
        tokenizer: PreTrainedTokenizerFast,
        written: int,
        longest: int,
        tokens_per_pass: int,
    ) -> None:
        """examples, rows: the same documents.  longest: tokens of the longest gold record of training, or of these."""
        self._task = task
        self._examples = examples
        self._rows = rows
        self._tokenizer = tokenizer
        self._written = written
        self._longest = max(longest, *(len(completion(row)) for row in rows))
        self._tokens_per_pass = tokens_per_pass

    def look(self, model: Any, step: int) -> Check:
        """Ask the student as it is after this step, with an adapter or merged; it is left as it was."""
        started = time.perf_counter()
        training = model.training
        model.eval()
        try:
            # Compiled layers (lora.py) would be compiled anew for what a check does with them, at every check.
            with torch.no_grad(), torch.compiler.set_stance("force_eager"):
                loss, missed, right = self._read(model)
                outputs = self._write(model, right[: self._written])
        finally:
            model.train(training)
        golds = [completion(row) for row in self._rows]
        scores = None
        if outputs:
            wanted = [example.record for example in self._examples[: len(outputs)]]
            scores = score(wanted, [self._record(output) for output in outputs], self._task.all_comparators)
        return Check(
            step=step,
            loss=loss,
            missed=missed,
            exact=sum(so_far == gold for so_far, gold in zip(right, golds, strict=True)) / len(golds),
            records=scores.records_right if scores else None,
            fields=scores.fields_right if scores else None,
            too_long=sum(not self._ended(output) for output in outputs),
            looping=sum(
                loops(output) and not loops(gold) for output, gold in zip(outputs, golds[: len(outputs)], strict=True)
            ),
            seconds=time.perf_counter() - started,
        )

    def _read(self, model: Any) -> tuple[float, float, list[list[int]]]:
        """The loss, the probability missed, and what greedy decoding writes for each document, up to the first token
        that is not gold's."""
        losses, missed, tokens = 0.0, 0.0, 0
        found: dict[int, list[int]] = {}
        for some in self._passes():
            inputs = padded([self._rows[at] for at in some], self._tokenizer.pad_token_id, model.device)
            labels = inputs["labels"][:, 1:]
            wanted = labels != NOT_LEARNT
            logits = _logits(model, inputs, wanted)
            each = torch.nn.functional.cross_entropy(logits, labels[wanted], reduction="none")
            losses += float(each.sum())
            missed += float(-torch.expm1(-each).sum())
            tokens += int(wanted.sum())
            likeliest = logits.argmax(-1).tolist()
            for at, count in zip(some, wanted.sum(1).tolist(), strict=True):
                mine, likeliest = likeliest[:count], likeliest[count:]
                found[at] = _until_it_leaves(completion(self._rows[at]), mine)
        return losses / tokens, missed / tokens, [found[at] for at in range(len(self._rows))]

    def _passes(self) -> Iterator[list[int]]:
        """Documents that share a forward pass, of about one length."""
        some: list[int] = []
        for at in sorted(range(len(self._rows)), key=lambda at: len(self._rows[at]["input_ids"])):
            if some and (len(some) + 1) * len(self._rows[at]["input_ids"]) > self._tokens_per_pass:
                yield some
                some = []
            some.append(at)
        yield some

    def _write(self, model: Any, begun: Sequence[list[int]]) -> list[list[int]]:
        """Go on greedily from what is known to come; each output with its end, or cut where it is longer than any."""
        outputs = [list(tokens) for tokens in begun]
        open_ended = [at for at, tokens in enumerate(outputs) if not self._ended(tokens)]
        if not open_ended:
            return outputs
        prompts = [self._prompt(at) + outputs[at] for at in open_ended]
        width, pad = max(map(len, prompts)), self._tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(one)) + one for one in prompts], device=model.device)
        mask = torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in prompts], device=model.device)
        room = self._longest - min(len(outputs[at]) for at in open_ended)
        if room > 0:
            with mixed(model.device.type):
                written = model.generate(
                    input_ids=ids,
                    attention_mask=mask,
                    max_new_tokens=room,
                    do_sample=False,
                    use_cache=True,
                    eos_token_id=self._end,
                    pad_token_id=pad,
                )
            for at, tokens in zip(open_ended, written[:, width:].tolist(), strict=True):
                whole = outputs[at] + tokens
                stop = whole.index(self._end) + 1 if self._end in whole else len(whole)
                outputs[at] = whole[: min(stop, self._longest)]
        return outputs

    @property
    def _end(self) -> int:
        """Every gold record ends with it."""
        return completion(self._rows[0])[-1]

    def _ended(self, output: Sequence[int]) -> bool:
        return bool(output) and output[-1] == self._end

    def _prompt(self, at: int) -> list[int]:
        row = self._rows[at]
        return row["input_ids"][: len(row["input_ids"]) - len(completion(row))]

    def _record(self, output: Sequence[int]) -> dict[str, Any] | None:
        if not self._ended(output):
            return None
        text = self._tokenizer.decode(list(output[:-1]), clean_up_tokenization_spaces=False)
        try:
            return parse(self._task.record, text).model_dump(mode="json")
        except BadRecord:
            return None


def loops(tokens: Sequence[int]) -> bool:
    """Whether some run of tokens comes TIMES or more, back to back, and over LEAST tokens or more."""
    for period in range(1, LONGEST_PERIOD + 1):
        same = 0
        for at in range(period, len(tokens)):
            same = same + 1 if tokens[at] == tokens[at - period] else 0
            if same + period >= max(TIMES * period, LEAST):
                return True
    return False


def _until_it_leaves(gold: list[int], likeliest: list[int]) -> list[int]:
    for at, (wanted, got) in enumerate(zip(gold, likeliest, strict=True)):
        if wanted != got:
            return [*gold[:at], got]
    return gold


def _logits(model: Any, inputs: dict[str, torch.Tensor], wanted: torch.Tensor) -> torch.Tensor:
    if model.device.type == "cpu":
        bare = model.get_base_model() if hasattr(model, "get_base_model") else model  # merged
        return completion_logits(bare, inputs, wanted).float()
    with mixed(model.device.type):
        # As a whole: what Unsloth puts in place of the parts wants more than transformers' own.
        logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits
    return logits[:, :-1][wanted].float()  # type: ignore[no-any-return]
