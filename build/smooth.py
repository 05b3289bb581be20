"""Smooth: a checkpoint that computes the same, with columns more alike in size, so that rounding costs it less.

Knows nothing of encodings. Numbers that share a scale are rounded in steps of one size, which the largest of them sets:
among all that a matrix reads in a pass (ONNX_INT8), and among the weights of a block (Q4_0, where a weight matters as
much as what it is multiplied with is large). So what a matrix reads is divided by a factor for each column, and its
weights are multiplied by it. That costs nothing when it runs: the division goes into the weights that make the column.

Factors are a power of the column's root mean square. Sources: Xiao et al. 2023, "SmoothQuant" (for activations); Lin et
al. 2024, "AWQ" (for weights), whose search for a power of each matrix gave way to one figure for all (docs/LOG.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM

from boardwright.build.lora import save_checkpoint
from boardwright.build.quantize import IMATRIX
from boardwright.build.student import quiet_transformers

POWER = 0.35
# Of the largest column: smaller ones are taken for that, so that no factor leaves what fp16 can hold.
LEAST = 1e-4


def smooth(checkpoint: Path, imatrix: Path, folder: Path) -> None:
    """Write the checkpoint with its columns smoothed, in fp16, and its importance matrix beside it.

    imatrix: that of `checkpoint`, as `importance_matrix` writes it. Llama architecture only. Raises BadStudent if a
    weight does not fit."""
    with quiet_transformers():
        model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, local_files_only=True)
    matrix = load_file(imatrix)
    with torch.no_grad():
        for makes, reads, heads, sharing in _seams(model):
            # What several matrices read is one and the same, and so is its row of the importance matrix.
            squares = torch.from_numpy(matrix[next(iter(reads))])
            factors, of_columns = _factors(squares, heads, sharing)
            makes.weight.div_(factors if makes.weight.ndim == 1 else factors[:, None])
            if getattr(makes, "bias", None) is not None:
                makes.bias.div_(factors)
            for name, module in reads.items():
                module.weight.mul_(of_columns)
                matrix[name] = (squares / of_columns.square()).numpy()
    save_checkpoint(model, checkpoint, folder)
    save_file(matrix, folder / IMATRIX)


def _seams(model: Any) -> Iterator[tuple[Any, dict[str, Any], int, int]]:
    """What makes columns, and the matrices that read them, by their names in a GGUF, where a factor passes from one to
    the other unchanged. With it heads of values, and how many heads of queries share one: each of them reads its
    columns."""
    heads = model.config.num_key_value_heads
    sharing = model.config.num_attention_heads // heads
    for number, layer in enumerate(model.model.layers):
        block, attention, mlp = f"blk.{number}", layer.self_attn, layer.mlp
        inputs = {"q": attention.q_proj, "k": attention.k_proj, "v": attention.v_proj}
        yield layer.input_layernorm, {f"{block}.attn_{one}.weight": module for one, module in inputs.items()}, 1, 1
        yield attention.v_proj, {f"{block}.attn_output.weight": attention.o_proj}, heads, sharing
        gated = {f"{block}.ffn_gate.weight": mlp.gate_proj, f"{block}.ffn_up.weight": mlp.up_proj}
        yield layer.post_attention_layernorm, gated, 1, 1
        yield mlp.up_proj, {f"{block}.ffn_down.weight": mlp.down_proj}, 1, 1


def _factors(squares: torch.Tensor, heads: int, sharing: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the columns as they are made, and as they are read: float32, (heads × width,) and (heads × sharing × width,).

    squares: mean square of each column that is read.  Around 1: the largest is as far above it as the least below."""
    made = squares.reshape(heads, sharing, -1).mean(1, keepdim=True)
    factors = made.clamp_min(LEAST**2 * made.max()).clamp_min(torch.finfo(torch.float32).tiny).sqrt() ** POWER
    factors /= (factors.max() * factors.min()).sqrt()
    return factors.flatten(), factors.expand(-1, sharing, -1).flatten()
