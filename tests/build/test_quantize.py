"""Quantization with an importance matrix, on a small real model."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM

from boardwright.build.export import export_gguf
from boardwright.build.precision import precision
from boardwright.build.quantize import IMATRIX, importance_matrix, quantize
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import BadTarget

ROWS = [[1, 40, 41, 42, 43], [1, 50, 51, 7], [1, 99]]


@pytest.fixture(scope="module")
def source(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gguf")
    export_gguf(tiny, folder / "model.gguf", "tiny")
    importance_matrix(tiny, ROWS, folder)
    return folder


def test_the_matrix_holds_the_mean_square_of_every_input_column(tiny: Path, source: Path) -> None:
    matrix = load_file(source / IMATRIX)
    weights = {t.name for t in gguf.GGUFReader(source / "model.gguf").tensors if len(t.shape) > 1}
    assert set(matrix) == weights
    model = AutoModelForCausalLM.from_pretrained(tiny, dtype=precision("cpu"))
    with torch.inference_mode():
        hidden = torch.cat(
            [model.model.layers[0].input_layernorm(model.model.embed_tokens(torch.tensor(row))) for row in ROWS]
        )
    expected = hidden.float().square().mean(0).numpy()
    np.testing.assert_allclose(matrix["blk.0.attn_q.weight"], expected, rtol=1e-3)
    assert matrix["blk.1.ffn_down.weight"].shape == (96,)


@pytest.mark.parametrize("encoding", [Encoding.Q4_0, Encoding.IQ4_NL, Encoding.Q5_0, Encoding.Q8_0])
def test_each_encoding_is_written_as_its_name_says(source: Path, tmp_path: Path, encoding: Encoding) -> None:
    notes = quantize(source / "model.gguf", tmp_path / "out.gguf", encoding, source / IMATRIX)
    kinds = {
        t.tensor_type.name for t in gguf.GGUFReader(tmp_path / "out.gguf").tensors if t.name.endswith("attn_k.weight")
    }
    assert kinds == {encoding.value} or notes
    assert (tmp_path / "out.gguf").stat().st_size < (source / "model.gguf").stat().st_size


def test_importance_changes_how_weights_are_rounded(source: Path, tmp_path: Path) -> None:
    quantize(source / "model.gguf", tmp_path / "plain.gguf", Encoding.Q4_0)
    quantize(source / "model.gguf", tmp_path / "weighted.gguf", Encoding.Q4_0, source / IMATRIX)
    assert (tmp_path / "plain.gguf").read_bytes() != (tmp_path / "weighted.gguf").read_bytes()


def test_a_fallback_is_told(source: Path, tmp_path: Path) -> None:
    [note] = quantize(source / "model.gguf", tmp_path / "out.gguf", Encoding.Q4_K_M, source / IMATRIX)
    assert note.startswith("Q4_K_M: of 14 matrices") and "Q5_0" in note


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + bytes(20))
    with pytest.raises(BadTarget, match="could not write"):
        quantize(tmp_path / "model.gguf", tmp_path / "out.gguf", Encoding.Q8_0)
