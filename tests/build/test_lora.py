"""Adapters of every kind: made, refused where they make no sense, and merged into exactly what was trained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from boardwright.build.completion import loss_on_cpu
from boardwright.build.export import export_adapter
from boardwright.build.lora import COMPILED_FROM, check_options, compiled, load_bare, load_student, merge
from boardwright.build.precision import precision
from boardwright.schemas.errors import BadStudent, BadTask
from boardwright.schemas.task import AdapterName, Training

pytestmark = pytest.mark.filterwarnings("ignore")
KINDS: list[AdapterName] = ["lora", "rslora", "dora"]


def learnt(checkpoint: Path, training: Training, folder: Path) -> Path:
    """An adapter as training leaves one: none of its factors is zero any more."""
    model = load_student(checkpoint, training, 0, "cpu")
    torch.manual_seed(3)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                weight.normal_(0, 0.1)
            elif "magnitude" in name:
                weight.mul_(torch.rand_like(weight) + 0.5)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_the_merged_checkpoint_is_student_plus_adapter(kind: AdapterName, tiny: Path, tmp_path: Path) -> None:
    adapter = learnt(tiny, Training(rank=4, adapter=kind), tmp_path / "adapter")
    merge(tiny, adapter, tmp_path / "merged")
    ids = torch.tensor([[1, 40, 41, 42]])
    base = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    with torch.inference_mode():
        untouched = base(input_ids=ids).logits
        expected = PeftModel.from_pretrained(base, adapter)(input_ids=ids).logits
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
        got = merged(input_ids=ids).logits
    # What is left is the rounding to fp16.
    assert (got - expected).abs().max() < 0.005 * (untouched - expected).abs().max()
    assert json.loads((tmp_path / "merged" / "config.json").read_text())["dtype"] == "float16"


def test_compiled_layers_learn_the_same(tiny: Path, tmp_path: Path) -> None:
    learnt(tiny, Training(rank=4), tmp_path)

    def step(compile_it: bool, length: int) -> tuple[float, torch.Tensor]:
        model: Any = PeftModel.from_pretrained(load_bare(tiny, precision("cpu")), tmp_path, is_trainable=True)
        if compile_it:
            compiled(model.get_base_model().model.layers, COMPILED_FROM)
        ids = torch.arange(length)[None] % 300
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}
        loss = loss_on_cpu(model, inputs)
        loss.backward()
        return float(loss), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    for length in (20, 33):
        (plain, gradients), (loss, mine) = step(False, length), step(True, length)
        # Compiled, what stands between two products is rounded once and not at each step.
        assert loss == pytest.approx(plain, rel=5e-3)
        assert torch.nn.functional.cosine_similarity(mine, gradients, 0) > 0.99


@pytest.mark.parametrize(
    ("tokens", "compiler", "pays"),
    [(COMPILED_FROM, "c++", True), (COMPILED_FROM - 1, "c++", False), (COMPILED_FROM, "no-such-compiler", False)],
)
def test_only_what_pays_is_compiled_and_only_where_it_can_be(
    tokens: int, compiler: str, pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", compiler)
    module = torch.nn.Linear(2, 2)
    compiled([module], tokens)
    assert (module._compiled_call_impl is not None) == pays


@pytest.mark.parametrize(("rank", "factor"), [(4, 4.0), (16, 2.0), (64, 1.0)])
def test_rslora_scales_by_the_root_of_the_rank(rank: int, factor: float, tiny: Path) -> None:
    def scale(kind: AdapterName) -> float:
        model: Any = load_student(tiny, Training(rank=rank, adapter=kind), 0, "cpu")
        found: float = model.base_model.model.model.layers[0].mlp.up_proj.scaling["default"]
        return found

    assert scale("lora") == 2.0  # the same at every rank
    assert scale("rslora") == factor


def test_frozen_layers_get_no_adapter(tiny: Path) -> None:
    model = load_student(tiny, Training(rank=4, frozen_layers=1), 0, "cpu")
    learning = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert learning and all("layers.1." in name for name in learning)


def test_a_seed_is_an_adapters_start(tiny: Path) -> None:
    def start(seed: int) -> dict[str, torch.Tensor]:
        model = load_student(tiny, Training(rank=4, seed=seed), 0, "cpu")
        return {name: weight for name, weight in model.state_dict().items() if "lora_A" in name}

    one, same, other = start(1), start(1), start(2)
    assert all(weight.equal(same[name]) for name, weight in one.items())
    assert not any(weight.equal(other[name]) for name, weight in one.items())


def test_four_bits_need_a_gpu(tiny: Path) -> None:
    with pytest.raises(BadTask, match="NVIDIA GPU") as raised:
        check_options(tiny, Training(four_bit=True), "cpu")
    assert "--four-bit" in str(raised.value)
    check_options(tiny, Training(four_bit=True), "unsloth")


def test_some_layer_has_to_learn(tiny: Path) -> None:
    check_options(tiny, Training(frozen_layers=1), "cpu")
    with pytest.raises(BadTask, match="has to learn") as raised:
        check_options(tiny, Training(frozen_layers=2), "cpu")
    assert "0 to 1" in str(raised.value)


@pytest.mark.parametrize("kind", ["rslora", "dora"])
def test_such_an_adapter_cannot_be_used_unmerged(kind: AdapterName, tiny: Path, tmp_path: Path) -> None:
    adapter = learnt(tiny, replace(Training(rank=4), adapter=kind), tmp_path / "adapter")
    with pytest.raises(BadStudent, match="without merging"):
        export_adapter(adapter, tiny, tmp_path / "adapter.gguf", "it")
