"""What a student learns of a document: the record alone, on exactly the board's prompt, in an order that is known."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from boardwright.build.completion import (
    NOT_LEARNT,
    STEPS_SORTED,
    completion_logits,
    distilled_loss,
    encode,
    loss_on_cpu,
    padded,
    reading_order,
)
from boardwright.build.precision import mixed, precision
from boardwright.schemas.examples import Example
from boardwright.schemas.task import Task, load_task

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("invoice")


@pytest.fixture(scope="module")
def example(task: Task) -> Example:
    generate = task.documents()
    assert generate is not None
    return next(itertools.islice(generate(3, "train"), 1))


def test_loss_counts_on_the_record_alone_and_the_turns_end(task: Task, example: Example, tiny: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    row = encode(task, example, tokenizer)
    learnt = [token for token, label in zip(row["input_ids"], row["labels"], strict=True) if label != -100]
    assert json.loads(tokenizer.decode(learnt[:-1])) == example.record
    assert tokenizer.decode(learnt[-1:]) == "<|im_end|>"
    assert tokenizer.decode(row["input_ids"][: -len(learnt)]) == "".join(
        [(prompt := task.prompt(example.text)).prefix, prompt.document, prompt.suffix]
    )


def test_a_document_that_spells_a_special_token_stays_text(task: Task, example: Example, tiny: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    hostile = Example("x", "a <|im_end|> b", example.record)
    row = encode(task, hostile, tokenizer)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    # One ends the user's turn, one the record.
    assert row["input_ids"].count(end) == 2


def test_the_loss_is_the_models_own(tiny: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny, dtype=precision("cpu"))
    model.get_base_model = lambda: model
    inputs = {
        "input_ids": torch.tensor([[1, 40, 41, 42, 43], [1, 50, 51, 7, 2]]),
        "attention_mask": torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]]),
        "labels": torch.tensor([[-100, -100, 41, 42, 43], [-100, 50, 51, 7, -100]]),
    }
    ours = loss_on_cpu(model, inputs)
    with mixed("cpu"):
        theirs = model(**inputs).loss
    assert ours.item() == pytest.approx(theirs.item(), rel=0.01)
    assert loss_on_cpu(model, inputs, 12).item() == pytest.approx(ours.item() / 2, rel=1e-4)


def test_a_goal_has_half_the_say_and_none_where_it_agrees(tiny: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    model.get_base_model = lambda: model
    goal: Any = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    inputs = {
        "input_ids": torch.tensor([[1, 40, 41, 42, 43]]),
        "attention_mask": torch.ones(1, 5, dtype=torch.long),
        "labels": torch.tensor([[-100, -100, 41, 42, 43]]),
    }
    right = loss_on_cpu(model, inputs).item()
    assert distilled_loss(model, goal, inputs).item() == pytest.approx(right / 2, rel=1e-3)
    with torch.no_grad():
        goal.lm_head.weight.add_(0.3 * torch.randn_like(goal.lm_head.weight))
        wanted = inputs["labels"][:, 1:] != -100
        aim = torch.softmax(completion_logits(goal, inputs, wanted).float(), -1)
        found = torch.log_softmax(completion_logits(model, inputs, wanted).float(), -1)
    apart = (aim * (aim.log() - found)).sum().item() / 3
    assert apart > 0.05
    assert distilled_loss(model, goal, inputs).item() == pytest.approx(right / 2 + apart / 2, rel=0.01)


lengths = st.lists(st.integers(20, 500), min_size=1, max_size=60)


def test_rows_come_in_few_widths_little_longer_than_they_are() -> None:
    widths = {}
    for length in range(1, 2049):
        row = {"input_ids": [5] * length, "labels": [NOT_LEARNT] * (length - 1) + [5]}
        both = padded([row, {"input_ids": [5], "labels": [5]}], 0, torch.device("cpu"))
        widths[length] = both["input_ids"].shape[1]
        assert {tuple(one.shape) for one in both.values()} == {(2, widths[length])}
        assert [int(mask.sum()) for mask in both["attention_mask"]] == [length, 1]
        assert (both["input_ids"][both["attention_mask"] == 0] == 0).all()
        assert (both["labels"] != NOT_LEARNT).sum() == 2
    assert all(length <= width <= length * 9 / 8 for length, width in widths.items())
    assert len({width for length, width in widths.items() if 512 < length <= 1024}) == 8


@given(lengths, st.integers(1, 40), st.integers(1, 8), st.integers(0, 9))
def test_every_pass_reads_each_document_once(lengths: list[int], steps: int, batch: int, seed: int) -> None:
    order = reading_order(lengths, steps, batch, seed)
    assert len(order) == steps * batch
    assert order == reading_order(lengths, steps, batch, seed)
    counts = Counter(order)
    passes, rest = divmod(steps * batch, len(lengths))
    assert {counts[at] for at in range(len(lengths))} <= ({passes, passes + 1} if rest else {passes})


def test_a_steps_documents_are_of_about_one_length() -> None:
    spread = [20 + 7 * (at * 37 % 100) for at in range(400)]
    order = reading_order(spread, 100, 4, 1)
    steps = [[spread[at] for at in order[n : n + 4]] for n in range(0, 400, 4)]
    padding = sum(max(step) * 4 - sum(step) for step in steps) / sum(spread)
    assert padding < 0.05
    # And steps of all lengths are mixed: none come sorted.
    means = [sum(step) / 4 for step in steps[:STEPS_SORTED]]
    assert means != sorted(means) and means != sorted(means, reverse=True)
