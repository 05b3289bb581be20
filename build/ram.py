"""The RAM contract: what a bundle will hold in memory on a board, before anything has run there.

Knows nothing of boards; a proof under emulation compares it with what the harness really held. Peak resident memory, in
bytes:

    BASE[runtime] + weights + keys and values + logits of a micro-batch + duplicate of the embedding

Weights are read into memory of the engine's own (llama.cpp repacks them for wide kernels as it reads), so their size in
the file counts once, on every CPU. Where a CPU has dot products, llama.cpp keeps the matrix that is both embedding and
output a second time, in rows that its kernels want (Q4_0, IQ4_NL and Q8_0; ggml-cpu/repack.cpp). ONNX Runtime maps
the file and packs a copy of all weights for its kernels; its base holds keys and values too, fitted at 1,024 positions.
"""

from __future__ import annotations

from pathlib import Path

from boardwright.build.cross import VARIANTS
from boardwright.device.engines.llama import N_UBATCH
from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import KitError

# Python, its packages, the grammar's tables of a vocabulary of 49,152, activations and the output rows of a pass:
# what emulated runs held beyond the rest (docs/LOG.md, "memory under emulation").
BASE = {"llama.cpp": 115e6, "onnxruntime": 195e6}
REPACKED = ("Q4_0", "IQ4_NL", "Q8_0")
# Of keys and values: llama.cpp keeps half floats, our ONNX engine floats.
HALF, FLOAT = 2, 4


def ram_contract(model: Path, encoding: Encoding, n_ctx: int) -> dict[str, int]:
    """Kernel variant -> predicted peak resident memory of one harness, MB (10^6). n_ctx: positions of the context.

    Raises KitError for a file that is no such model."""
    if encoding.runtime == "onnxruntime":
        weights = sum(path.stat().st_size for path in encoding.files(model))
        return dict.fromkeys(VARIANTS, round((BASE["onnxruntime"] + 2 * weights) / 1e6))
    from gguf import GGUFReader

    try:
        reader = GGUFReader(model)
        tensors = {one.name: one for one in reader.tensors}
        embedding = tensors["token_embd.weight"]
        layers = _number(reader, "llama.block_count")
        heads = _number(reader, "llama.attention.head_count")
        groups = _number(reader, "llama.attention.head_count_kv")
        width = _number(reader, "llama.embedding_length")
    except (ValueError, IndexError, KeyError, OSError) as error:
        raise KitError(f"This model can't be read: {error}.", where=model, allowed="a GGUF of a llama model") from None
    weights = sum(int(one.n_bytes) for one in tensors.values())
    cache = 2 * n_ctx * layers * groups * (width // heads) * HALF
    vocabulary = int(embedding.shape[1])
    common = BASE["llama.cpp"] + weights + cache + N_UBATCH * vocabulary * FLOAT
    twice = "output.weight" not in tensors and embedding.tensor_type.name in REPACKED
    duplicate = int(embedding.n_bytes) if twice else 0
    return {name: round((common + duplicate * (name != "armv8.0")) / 1e6) for name in VARIANTS}


def _number(reader: object, name: str) -> int:
    field = reader.fields[name]  # type: ignore[attr-defined]
    return int(field.contents())
