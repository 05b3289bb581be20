"""A shorter student: the layers that go are those that do least."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from boardwright.build.layers import drop_layers, influence
from boardwright.schemas.errors import BadStudent

from .test_tokenizer import small_tokenizer

ROWS = [[5, 9, 200, 31, 7], [12, 44, 3]]
IDLE = (2, 4)


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """Six layers of random weights, of which two pass everything on as it is."""
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=384, hidden_size=32, intermediate_size=64, num_hidden_layers=6, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True, initializer_range=0.2,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    for at in IDLE:
        layer = model.model.layers[at]
        torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
        torch.nn.init.zeros_(layer.mlp.down_proj.weight)
    folder = tmp_path / "student"
    model.save_pretrained(folder)
    small_tokenizer("gpt-2").save_pretrained(folder)
    return folder


def test_a_layer_that_passes_everything_on_has_no_influence(student: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(student, dtype=torch.float32)
    weak = influence(model, ROWS)
    assert all((value < 1e-5) == (at in IDLE) for at, value in enumerate(weak))


def test_without_idle_layers_it_says_the_same(student: Path, tmp_path: Path) -> None:
    assert drop_layers(student, ROWS, 4, tmp_path / "short") == list(IDLE)
    was = AutoModelForCausalLM.from_pretrained(student, dtype=torch.bfloat16)
    now = AutoModelForCausalLM.from_pretrained(tmp_path / "short", dtype=torch.bfloat16)
    assert now.config.num_hidden_layers == len(now.model.layers) == 4
    ids = torch.tensor([ROWS[0]])
    with torch.inference_mode():
        assert torch.equal(was(ids).logits, now(ids).logits)
        # Each layer has its own place in the cache.
        written: Any = now.generate(ids, max_new_tokens=3, do_sample=False, pad_token_id=0)
        assert written.shape == (1, 8)


@pytest.mark.parametrize("keep", [0, 1, 6, 40])
def test_a_number_that_cannot_be_is_refused(student: Path, tmp_path: Path, keep: int) -> None:
    with pytest.raises(BadStudent, match="can't have this many layers"):
        drop_layers(student, ROWS, keep, tmp_path / "short")
