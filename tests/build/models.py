"""A GGUF of a few weights: enough to tell a shape, too little to run."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

BODY, HEAD, NORM = 64 * 64, 40 * 64, 64


def tiny_gguf(path: Path, *, tied: bool = True) -> Path:
    """One matrix of a layer, its norm and the embedding, all in 16 bit; without `tied`, an output matrix too."""
    writer = gguf.GGUFWriter(path, "llama")
    tensors = {"token_embd.weight": (40, 64), "blk.0.attn_q.weight": (64, 64), "blk.0.attn_norm.weight": (64,)}
    for name, size in (tensors if tied else tensors | {"output.weight": (40, 64)}).items():
        writer.add_tensor(name, np.zeros(size, np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
