"""From a model file to the engine that runs it, and the tokenizer that its grammar is compiled for.

Knows nothing of what either is used for. Each runtime is imported when one of its files comes: a board needs one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from boardwright.schemas.errors import BadBundle

if TYPE_CHECKING:
    from llguidance import LLTokenizer

    from boardwright.device.engines.llama import LlamaEngine
    from boardwright.device.engines.onnx import OnnxEngine


def load_engine(
    path: Path, *, n_ctx: int, n_sequences: int = 1, cells: int = 0, threads: int = 0, prefill_threads: int = 0
) -> tuple[LlamaEngine | OnnxEngine, LLTokenizer]:
    """ONNX Runtime for .onnx, llama.cpp for all else; arguments as `LlamaEngine` has them. Raises BadBundle."""
    if path.suffix == ".onnx":
        try:
            from boardwright.device.engines.onnx import OnnxEngine
        except ModuleNotFoundError as error:
            raise BadBundle(
                "This model needs ONNX Runtime, which is not installed here.",
                where=path,
                value=error.name,
                next="pip install 'boardwright[device,onnx]', or build the bundle in an encoding of GGUF",
            ) from None
        # It has one pool of threads for all passes.
        onnx = OnnxEngine(path, n_ctx=n_ctx, n_sequences=n_sequences, threads=max(threads, prefill_threads))
        return onnx, onnx.tokenizer

    from llguidance.llamacpp import lltokenizer_from_vocab

    from boardwright.device.engines.llama import LlamaEngine

    llama = LlamaEngine(
        path, n_ctx=n_ctx, n_sequences=n_sequences, cells=cells, threads=threads, prefill_threads=prefill_threads
    )
    return llama, lltokenizer_from_vocab(llama.vocab)
