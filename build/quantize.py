"""Quantize: an importance matrix from the training texts, and one GGUF per encoding.

Knows nothing of scores. The matrix is what llama.cpp's own `imatrix` tool collects: for each weight matrix, the mean
square of every input column (llama.cpp, tools/imatrix); columns that matter are then rounded with more care.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import llama_cpp
import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM

from boardwright.build.precision import a_thread_a_core, precision
from boardwright.build.student import quiet_transformers
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import BadTarget
from boardwright.schemas.steps import current_step

IMATRIX = "imatrix.safetensors"
FTYPES = {
    Encoding.Q4_0: llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0,
    Encoding.IQ4_NL: llama_cpp.LLAMA_FTYPE_MOSTLY_IQ4_NL,
    Encoding.Q4_K_M: llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    Encoding.Q5_0: llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_0,
    Encoding.Q5_1: llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_1,
    Encoding.Q6_K: llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K,
    Encoding.Q8_0: llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
    Encoding.F16: llama_cpp.LLAMA_FTYPE_MOSTLY_F16,
}

# Keys and values are a fortieth of the weights, since heads share them, and what is rounded there is rounded for all
# of those heads. At 4 bits a tuned invoice student lost 1.7 points of records, with these at 8 bits none (docs/LOG.md).
# The first layers' keys stay coarse: with them a 135M student of 30 layers would be over 95 MB.
FINER = {
    "attn_v": gguf.GGMLQuantizationType.Q8_0,
    r"blk\.([89]|[1-9][0-9])\.attn_k": gguf.GGMLQuantizationType.Q8_0,
}
FOUR_BITS = (Encoding.Q4_0, Encoding.IQ4_NL)


def importance_matrix(checkpoint: Path, rows: Sequence[Sequence[int]], folder: Path) -> None:
    """Run token id rows through the checkpoint and write the matrix: GGUF tensor name → float32 of shape (columns,)."""
    a_thread_a_core()
    with quiet_transformers():
        model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=precision("cpu"), local_files_only=True)
    model.eval()
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, model.config.num_hidden_layers)
    sums: dict[str, torch.Tensor] = {}
    counts: dict[str, int] = {}

    def watch(name: str) -> Any:
        def hook(_module: Any, inputs: tuple[torch.Tensor, ...]) -> None:
            columns = inputs[0].detach().reshape(-1, inputs[0].shape[-1]).float()
            sums[name] = sums.get(name, torch.zeros(columns.shape[1])) + columns.square().sum(0)
            counts[name] = counts.get(name, 0) + columns.shape[0]

        return hook

    tied = bool(model.config.tie_word_embeddings)
    for path, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            name = names.get_name(f"{path}.weight", try_suffixes=(".weight",))
            # A tied output is the embedding, quantized under its own name.
            module.register_forward_pre_hook(watch("token_embd.weight" if path == "lm_head" and tied else str(name)))
    with torch.inference_mode():
        for done, row in enumerate(rows, 1):
            model(input_ids=torch.tensor([list(row)]), use_cache=False)
            current_step().progress(done, len(rows))
    matrix = {name: (total / counts[name]).numpy().astype(np.float32) for name, total in sums.items()}
    save_file(matrix, folder / IMATRIX)


def quantize(
    source: Path,
    target: Path,
    encoding: Encoding,
    imatrix: Path | None = None,
    finer: Mapping[str, gguf.GGMLQuantizationType] = FINER,
) -> list[str]:
    """Write `source` (a 16-bit GGUF) as `target` in an encoding; return a note for tensors that fell back to another.

    imatrix: as `importance_matrix` writes it.  finer: pattern of tensor names → what those are in, where the encoding
    has four bits.  Raises BadTarget if llama.cpp refuses.
    """
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = FTYPES[encoding]
    parameters.nthread = len(os.sched_getaffinity(0))
    keep_alive: list[Any] = []
    if encoding in FOUR_BITS:
        parameters.tt_overrides = _overrides(finer)
    if imatrix is not None:
        parameters.imatrix = _as_struct(imatrix, keep_alive)
    quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
    status = llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(parameters))
    if status != 0:
        raise BadTarget("llama.cpp could not write this encoding.", where=source, value=encoding.value)
    return fallbacks(target, encoding)


def fallbacks(model: Path, encoding: Encoding) -> list[str]:
    """What the file's weight matrices are in, if it is not what the encoding's name promises."""
    kinds: dict[str, int] = {}
    for tensor in gguf.GGUFReader(model).tensors:
        if len(tensor.shape) > 1 and tensor.name.startswith("blk."):
            kinds[tensor.tensor_type.name] = kinds.get(tensor.tensor_type.name, 0) + 1
    base = encoding.value.removesuffix("_M")
    others = {kind: count for kind, count in kinds.items() if kind != base}
    if not others or encoding is Encoding.F16:
        return []
    listed = ", ".join(f"{count} in {kind}" for kind, count in sorted(others.items()))
    return [f"{encoding.value}: of {sum(kinds.values())} matrices, {listed}"]


def _overrides(finer: Mapping[str, gguf.GGMLQuantizationType]) -> Any:
    """The array that llama.cpp reads, ended by an entry without a pattern."""
    array = (llama_cpp.llama_model_tensor_override * (len(finer) + 1))()
    for entry, (pattern, kind) in zip(array, finer.items(), strict=False):
        entry.pattern = pattern.encode()
        entry.type = int(kind)
    return array


def _as_struct(path: Path, keep_alive: list[Any]) -> Any:
    """The array of llama_model_imatrix_data that llama.cpp reads, ended by an entry without a name."""
    matrix = load_file(path)
    array = (llama_cpp.llama_model_imatrix_data * (len(matrix) + 1))()
    for entry, (name, values) in zip(array, matrix.items(), strict=False):
        entry.name = name.encode()
        entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        entry.size = values.size
        keep_alive.append(values)
    keep_alive.append(array)
    return array
