"""A GGUF made from a checkpoint computes what the checkpoint computes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from boardwright.build.export import check_tokens, export_adapter, export_gguf
from boardwright.build.lora import merge
from boardwright.build.student import checkpoint_from_gguf
from boardwright.build.tokenizer import tokenize_with
from boardwright.device.engines.base import Feed
from boardwright.device.engines.llama import LlamaEngine
from boardwright.schemas.errors import BadBundle, BadStudent
from tests.build.conftest import make_adapter

PROMPT = "<|im_start|>user\nInvoice 12 from Müller, total   12.50<|im_end|>\n"


@pytest.mark.parametrize("kind", ["tiny", "tiny_untied"])
def test_llama_cpp_gives_the_logits_of_transformers(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    checkpoint: Path = request.getfixturevalue(kind)
    export_gguf(checkpoint, tmp_path / "model.gguf", "tiny")
    tokens = tokenize_with(AutoTokenizer.from_pretrained(checkpoint))(PROMPT, True)
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    with torch.inference_mode():
        expected = model(input_ids=torch.tensor([tokens])).logits[0].numpy()
    engine = LlamaEngine(tmp_path / "model.gguf", n_ctx=128)
    try:
        assert engine.tokenize(PROMPT, True) == tokens
        [got] = engine.forward([Feed(0, 0, tokens, range(len(tokens)))])
        # fp16 products in llama.cpp; a wrong rotary order or a transposed matrix is off by whole units.
        assert np.abs(got - expected).max() < 0.05 * expected.std()
        assert engine.n_vocab == expected.shape[1]
    finally:
        engine.close()


def test_there_and_back_keeps_every_weight(tiny: Path, tmp_path: Path) -> None:
    export_gguf(tiny, tmp_path / "model.gguf", "tiny")
    back = tmp_path / "back"
    back.mkdir()
    checkpoint_from_gguf(tmp_path / "model.gguf", back)
    before, after = (AutoModelForCausalLM.from_pretrained(f, dtype=torch.bfloat16) for f in (tiny, back))
    for (name, one), (_, other) in zip(before.named_parameters(), after.named_parameters(), strict=True):
        assert torch.equal(one, other), name
    text = "Total   12.50 <|im_end|> Müller"
    assert tokenize_with(AutoTokenizer.from_pretrained(tiny))(text, False) == tokenize_with(
        AutoTokenizer.from_pretrained(back)
    )(text, False)


def test_a_student_in_bf16_is_exported_as_it_is(tiny: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "bf16"
    shutil.copytree(tiny, checkpoint)
    model = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.bfloat16)
    model.save_pretrained(checkpoint)
    export_gguf(checkpoint, tmp_path / "model.gguf", "tiny")
    written = {tensor.name: tensor.data for tensor in gguf.GGUFReader(tmp_path / "model.gguf").tensors}
    expected = model.state_dict()["model.embed_tokens.weight"].float().numpy()
    assert np.array_equal(written["token_embd.weight"].astype(np.float32), expected)


def test_a_tokenizer_that_splits_differently_stops_the_build(tiny: Path, tmp_path: Path) -> None:
    export_gguf(tiny, tmp_path / "model.gguf", "tiny")
    check_tokens(tiny, tmp_path / "model.gguf", ["Invoice 12", "  lead 7"])
    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    source = json.loads((other / "tokenizer.json").read_text(encoding="utf-8"))
    source["model"]["merges"] = source["model"]["merges"][:3]
    (other / "tokenizer.json").write_text(json.dumps(source), encoding="utf-8")
    with pytest.raises(BadStudent, match="split this text differently"):
        check_tokens(other, tmp_path / "model.gguf", ["Invoice 12"])


def test_rope_scaling_is_refused(tiny: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    config = json.loads((other / "config.json").read_text(encoding="utf-8"))
    config["rope_scaling"] = {"rope_type": "linear", "factor": 2.0}
    (other / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(BadStudent, match="RoPE scaling"):
        export_gguf(other, tmp_path / "model.gguf", "tiny")


def test_an_adapter_on_its_base_computes_what_the_merged_checkpoint_does(tiny: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tiny, tmp_path / "adapter", seed=3, scale=0.1)
    merge(tiny, adapter, tmp_path / "merged")
    export_gguf(tiny, tmp_path / "base.gguf", "tiny")
    export_gguf(tmp_path / "merged", tmp_path / "merged.gguf", "tiny")
    export_adapter(adapter, tiny, tmp_path / "adapter.gguf", "adapter")
    tokens = tokenize_with(AutoTokenizer.from_pretrained(tiny))(PROMPT, True)
    feed = [Feed(0, 0, tokens, [len(tokens) - 1])]
    base, merged = LlamaEngine(tmp_path / "base.gguf", n_ctx=128), LlamaEngine(tmp_path / "merged.gguf", n_ctx=128)
    try:
        base.load_adapter(tmp_path / "adapter.gguf")
        [expected] = [row.copy() for row in merged.forward(feed)]
        [plain] = [row.copy() for row in base.forward(feed)]
        base.use_adapter(tmp_path / "adapter.gguf")
        [got] = [row.copy() for row in base.forward(feed)]
        base.use_adapter(None)
        [again] = base.forward(feed)
        assert np.abs(got - expected).max() < 0.05 * expected.std()
        assert np.abs(plain - expected).max() > 0.5 * expected.std()
        assert np.array_equal(again, plain)
        with pytest.raises(BadBundle, match="cannot put this adapter"):
            base.load_adapter(tmp_path / "merged.gguf")
    finally:
        base.close()
        merged.close()
