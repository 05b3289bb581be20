"""A smoothed checkpoint computes the same, and loses less when it is rounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from boardwright.build.export import export_gguf
from boardwright.build.export_onnx import export_onnx
from boardwright.build.quantize import IMATRIX, importance_matrix, quantize
from boardwright.build.smooth import smooth
from boardwright.device.engines.base import Feed
from boardwright.device.engines.load import load_engine
from boardwright.schemas.encodings import Encoding

ROWS = [list(range(1, 60)), list(range(100, 150)), [1, 7, 9, 30, 9, 7]]


def logits(checkpoint: Path) -> npt.NDArray[np.float32]:
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    with torch.inference_mode():
        rows = [model(input_ids=torch.tensor([row])).logits[0] for row in ROWS]
    return torch.cat(rows).numpy()


def smoothed(checkpoint: Path, scratch: Path) -> Path:
    importance_matrix(checkpoint, ROWS, scratch)
    folder = scratch / "smoothed"
    folder.mkdir()
    smooth(checkpoint, scratch / IMATRIX, folder)
    return folder


def changed(checkpoint: Path, folder: Path, factor: float, bias: bool = False) -> Path:
    """The checkpoint with one column of what each matrix reads larger by a factor, or gone where that is 0."""
    config = AutoModelForCausalLM.from_pretrained(checkpoint).config
    config.attention_bias = config.mlp_bias = bias
    model = AutoModelForCausalLM.from_pretrained(checkpoint, config=config, dtype=torch.float32)
    with torch.no_grad():
        for layer in model.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            for makes, reads in (
                (layer.input_layernorm, (attention.q_proj, attention.k_proj, attention.v_proj)),
                (layer.post_attention_layernorm, (mlp.gate_proj, mlp.up_proj)),
                (mlp.up_proj, (mlp.down_proj,)),
            ):
                makes.weight[3] *= factor
                for module in reads:
                    module.weight[:, 3] /= factor or 1.0
                    if bias:
                        module.bias.normal_()
    model.half().save_pretrained(folder)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("factor, bias", [(1.0, False), (30.0, False), (0.0, False), (30.0, True)])
@pytest.mark.parametrize("kind", ["tiny", "tiny_untied"])
def test_it_computes_the_same(
    kind: str, factor: float, bias: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    checkpoint = changed(request.getfixturevalue(kind), tmp_path / "changed", factor, bias)
    found, meant = logits(smoothed(checkpoint, tmp_path)), logits(checkpoint)
    assert np.abs(found - meant).mean() < 0.002 * meant.std()  # what is rounded to fp16 once more


def test_its_columns_are_more_alike_and_its_matrix_is_its_own(tiny: Path, tmp_path: Path) -> None:
    checkpoint = changed(tiny, tmp_path / "changed", 30.0)
    folder = smoothed(checkpoint, tmp_path)
    before, after = load_file(tmp_path / IMATRIX), load_file(folder / IMATRIX)
    (tmp_path / "again").mkdir()
    importance_matrix(folder, ROWS, tmp_path / "again")
    again = load_file(tmp_path / "again" / IMATRIX)
    assert set(before) == set(after)
    for name, squares in after.items():
        np.testing.assert_allclose(squares, again[name], rtol=0.05, atol=1e-3 * squares.max(), err_msg=name)
        if name != "token_embd.weight":
            assert squares.max() / np.median(squares) < before[name].max() / np.median(before[name])


@pytest.mark.parametrize("encoding", [Encoding.ONNX_INT8, Encoding.Q4_0])
def test_it_loses_less_to_rounding(encoding: Encoding, tiny: Path, tmp_path: Path) -> None:
    checkpoint = changed(tiny, tmp_path / "changed", 30.0)
    folder = smoothed(checkpoint, tmp_path)
    meant = logits(checkpoint)

    def lost(made_from: Path, matrix: Path) -> float:
        made = tmp_path / f"of-{made_from.name}"
        made.mkdir()
        model = made / f"model{encoding.suffix}"
        if encoding is Encoding.ONNX_INT8:
            export_onnx(made_from, model, encoding)
        else:
            export_gguf(made_from, made / "f16.gguf", "tiny")
            quantize(made / "f16.gguf", model, encoding, matrix)
        engine, _ = load_engine(model, n_ctx=64)
        try:
            rows = [engine.forward([Feed(0, 0, row, range(len(row)))])[0].copy() for row in ROWS]
        finally:
            engine.close()
        return float(np.abs(np.concatenate(rows) - meant).mean())

    assert lost(folder, folder / IMATRIX) < 0.9 * lost(checkpoint, tmp_path / IMATRIX)
