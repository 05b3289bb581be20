"""Training on exactly the deployment's prompt; a merge that is what was trained."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from boardwright.build.tune import CompletionTrainer, encode, merge, micro_batch, tune
from boardwright.schemas.errors import BadExample
from boardwright.schemas.examples import Example
from boardwright.schemas.task import Task, Training, load_task

# trl and torch warn of things that concern GPUs and other optimizers.
pytestmark = pytest.mark.filterwarnings("ignore")


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


def test_loss_counts_on_the_record_alone_and_the_turns_end(task: Task, examples: list[Example], tiny: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    row = encode(task, examples[0], tokenizer)
    learnt = [token for token, label in zip(row["input_ids"], row["labels"], strict=True) if label != -100]
    assert json.loads(tokenizer.decode(learnt[:-1])) == examples[0].record
    assert tokenizer.decode(learnt[-1:]) == "<|im_end|>"
    assert tokenizer.decode(row["input_ids"][: -len(learnt)]) == "".join(
        [(prompt := task.prompt(examples[0].text)).prefix, prompt.document, prompt.suffix]
    )


def test_a_document_that_spells_a_special_token_stays_text(task: Task, examples: list[Example], tiny: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    hostile = Example("x", "a <|im_end|> b", examples[0].record)
    row = encode(task, hostile, tokenizer)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    # One ends the user's turn, one the record.
    assert row["input_ids"].count(end) == 2


def test_an_example_that_the_context_cannot_hold_is_refused(
    task: Task, examples: list[Example], tiny: Path, tmp_path: Path
) -> None:
    long = Example("too-long", "word " * 2000, examples[0].record)
    with pytest.raises(BadExample, match="longer than the task's context") as raised:
        tune(task, [long], examples[:1], tiny, Training(), tmp_path)
    assert raised.value.where == "example too-long"


def test_training_learns_and_leaves_its_curves(trained: Path) -> None:
    tuned = json.loads((trained / "tuned.json").read_text(encoding="utf-8"))
    assert tuned["steps"] == 32
    assert tuned["final_loss"] < 4.5  # chance is ln(318) = 5.8
    assert tuned["tokens_per_second"] > 0
    assert list((trained / "logs").rglob("events.out.tfevents.*"))
    assert {path.name for path in (trained / "adapter").iterdir()} >= {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    assert not list((trained / "adapter").rglob("*.bin"))


def test_the_merged_checkpoint_is_student_plus_adapter(trained: Path, tiny: Path, tmp_path: Path) -> None:
    merge(tiny, trained / "adapter", tmp_path)
    ids = torch.tensor([[1, 40, 41, 42]])
    base = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    with torch.inference_mode():
        untouched = base(input_ids=ids).logits
        expected = PeftModel.from_pretrained(base, trained / "adapter")(input_ids=ids).logits
        merged = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
        got = merged(input_ids=ids).logits
    assert (got - expected).abs().max() < 0.02 * (untouched - expected).abs().max()
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == "float16"


def test_the_loss_is_the_models_own(tiny: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.bfloat16)
    model.get_base_model = lambda: model
    inputs = {
        "input_ids": torch.tensor([[1, 40, 41, 42, 43], [1, 50, 51, 7, 2]]),
        "attention_mask": torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]]),
        "labels": torch.tensor([[-100, -100, 41, 42, 43], [-100, 50, 51, 7, -100]]),
    }
    ours = CompletionTrainer.compute_loss(None, model, inputs)  # type: ignore[arg-type]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        theirs = model(**inputs).loss
    assert ours.item() == pytest.approx(theirs.item(), rel=0.01)
    halved = CompletionTrainer.compute_loss(None, model, inputs, num_items_in_batch=12)  # type: ignore[arg-type]
    assert halved.item() == pytest.approx(ours.item() / 2, rel=1e-4)


def test_a_pass_holds_about_a_thousand_tokens() -> None:
    assert micro_batch(8, 470) == 2
    assert micro_batch(8, 200) == 4
    assert micro_batch(4, 200) == 4
    assert micro_batch(8, 5000) == 1
