"""Rounding in training, on a small real model: what is packed is what training saw, and it is nearer than before."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM

import boardwright.build.rounding as rounding
from boardwright.build.completion import Row
from boardwright.build.export import export_gguf
from boardwright.build.quantize import IMATRIX, importance_matrix, quantize
from boardwright.build.rounding import block_scales, levels, pack, round_checkpoint
from boardwright.device.engines.base import Feed
from boardwright.device.engines.llama import LlamaEngine
from boardwright.schemas.encodings import Encoding

Q4_0 = gguf.GGMLQuantizationType.Q4_0


def rows(seed: int, count: int) -> list[Row]:
    draw = np.random.default_rng(seed)
    tokens = draw.integers(3, 300, (count, 24)).tolist()
    return [{"input_ids": one, "labels": [-100] * 8 + one[8:]} for one in tokens]


@pytest.fixture(scope="module")
def folder(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint as a GGUF, with its importance matrix."""
    folder = tmp_path_factory.mktemp("rounding")
    export_gguf(tiny, folder / "model-F16.gguf", "tiny")
    importance_matrix(tiny, [row["input_ids"] for row in rows(1, 8)], folder)
    return folder


def rounded(tiny: Path, folder: Path, target: Path, steps: int = 300) -> rounding.Rounded:
    target.parent.mkdir(exist_ok=True)
    done, _ = round_checkpoint(
        tiny, folder / "model-F16.gguf", folder / IMATRIX, rows(2, 64), rows(3, 16), target, steps=steps, seed=7
    )
    return done


@settings(deadline=None)  # the first call loads what PyTorch loads late
@given(seed=st.integers(0, 2**31), size=st.sampled_from([0.0, 1e-6, 0.02, 3.0]), lone=st.booleans())
def test_packed_blocks_are_what_llama_cpp_reads_as_those_levels(seed: int, size: float, lone: bool) -> None:
    torch.manual_seed(seed)
    weight = size * torch.randn(6, 64)
    if lone:
        weight[2, :32] = 0.0
        weight[2, 5] = -size
    scale = block_scales(weight, torch.rand(64) + 0.01)
    read = gguf.quants.dequantize(pack(weight, scale), Q4_0)
    seen = (levels(weight, scale) * scale).view_as(weight).numpy()
    np.testing.assert_array_equal(read, seen)
    assert np.isfinite(read).all()


def test_scales_lose_no_more_than_llama_cpps_own(tiny: Path, folder: Path, tmp_path: Path) -> None:
    quantize(folder / "model-F16.gguf", tmp_path / "plain.gguf", Encoding.Q4_0, folder / IMATRIX)
    exact = {t.name: t.data.astype(np.float32) for t in gguf.GGUFReader(folder / "model-F16.gguf").tensors}
    importance = load_file(folder / IMATRIX)
    compared = 0
    for tensor in gguf.GGUFReader(tmp_path / "plain.gguf").tensors:
        if tensor.tensor_type == Q4_0:
            weight, care = torch.from_numpy(exact[tensor.name]), torch.from_numpy(importance[tensor.name])
            scale = block_scales(weight, care)
            theirs = torch.from_numpy(gguf.quants.dequantize(tensor.data, Q4_0))
            ours = (levels(weight, scale) * scale).view_as(weight)
            assert (care * (ours - weight).square()).sum() <= 1.02 * (care * (theirs - weight).square()).sum()
            compared += 1
    assert compared


def test_training_brings_the_file_nearer_to_the_checkpoint(tiny: Path, folder: Path, tmp_path: Path) -> None:
    done = rounded(tiny, folder, tmp_path / "model-Q4_0.gguf")
    assert done.kept and done.after < 0.9 * done.before
    assert json.loads((tmp_path / "rounded.json").read_text())["kept"] is True
    quantize(folder / "model-F16.gguf", tmp_path / "plain.gguf", Encoding.Q4_0, folder / IMATRIX)
    ours, theirs = (divergence(tiny, tmp_path / name) for name in ("model-Q4_0.gguf", "plain.gguf"))
    # By llama.cpp on the file, whose products round activations too: what training measured, and better than its own.
    assert ours < 0.95 * theirs
    assert ours == pytest.approx(done.after, rel=0.25)
    # Nothing but weights moved: as large as llama.cpp's, and each tensor in what llama.cpp put it into.
    plain = quantize_kinds(tmp_path / "model-Q4_0.gguf")
    quantize(folder / "model-F16.gguf", tmp_path / "unweighted.gguf", Encoding.Q4_0)
    assert plain == quantize_kinds(tmp_path / "unweighted.gguf")


def test_a_training_that_does_not_help_leaves_llama_cpps_file(
    tiny: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounding, "LEARNING_RATE", 0.5)
    done = rounded(tiny, folder, tmp_path / "model-Q4_0.gguf", steps=12)
    assert not done.kept and "did not help" in done.line()
    quantize(folder / "model-F16.gguf", tmp_path / "plain.gguf", Encoding.Q4_0, folder / IMATRIX)
    assert (tmp_path / "model-Q4_0.gguf").read_bytes() == (tmp_path / "plain.gguf").read_bytes()


def test_the_same_seed_gives_the_same_order(tmp_path: Path) -> None:
    some = rows(4, 10)
    one, same, other = (rounding._draw(some, 5, seed) for seed in (1, 1, 2))
    assert one == same != other
    assert all(len(drawn) == rounding.BATCH for drawn in one)


def test_other_words_are_the_same_ones_in_document_and_record() -> None:
    ids = [[1, 2, at, 2, at, at + 1] for at in range(50, 90, 2)]
    some = [{"input_ids": one, "labels": [-100] * 3 + one[3:]} for one in ids]
    common = rounding._common(some)
    assert common == {1, 2}
    varied = rounding._varied(some, common, range(500, 600), seed=3)
    assert varied == rounding._varied(some, common, range(500, 600), seed=3) != some
    changed = 0
    for before, after in zip(some, varied, strict=True):
        new, labels = after["input_ids"], after["labels"]
        assert new[2] == new[4] and labels[3:] == new[3:] and labels[:3] == [-100] * 3
        assert new[:2] == [1, 2] and new[3] == 2
        for was, now in zip(before["input_ids"][4:], new[4:], strict=True):
            assert now == was or now >= 500
            changed += now != was
    assert 0 < changed < 30  # some, not all


def quantize_kinds(model: Path) -> dict[str, str]:
    return {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(model).tensors}


def divergence(checkpoint: Path, model: Path) -> float:
    """Of a file's next-token distributions from the checkpoint's, in nats a token, over the held-out rows."""
    goal = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    engine = LlamaEngine(model, n_ctx=64)
    total, tokens = 0.0, 0
    for row in rows(3, 16):
        with torch.inference_mode():
            aim = torch.log_softmax(goal(input_ids=torch.tensor([row["input_ids"]])).logits[0], -1)
        [logits] = engine.forward([Feed(0, 0, row["input_ids"], range(len(row["input_ids"])))])
        found = torch.log_softmax(torch.from_numpy(np.array(logits)), -1)
        wanted = [at for at, label in enumerate(row["labels"][1:]) if label != -100]
        total += float((aim.exp() * (aim - found)).sum(-1)[wanted].sum())
        tokens += len(wanted)
    engine.close()
    return total / tokens
