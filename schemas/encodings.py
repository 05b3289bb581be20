"""Weight encodings of model files that a target may ask for.

Knows nothing of how they are written or run.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from boardwright.schemas.errors import BadTarget
from boardwright.schemas.suggest import did_you_mean


class _About(NamedTuple):
    bits: float
    row: int
    note: str


class Encoding(StrEnum):
    """A closed set; the value is llama.cpp's own name, or ours of a file for ONNX Runtime."""

    Q4_0 = "Q4_0"
    IQ4_NL = "IQ4_NL"
    Q4_K_M = "Q4_K_M"
    Q5_0 = "Q5_0"
    Q5_1 = "Q5_1"
    Q6_K = "Q6_K"
    Q8_0 = "Q8_0"
    F16 = "F16"
    ONNX_INT8 = "ONNX_INT8"
    ONNX_INT4 = "ONNX_INT4"

    @property
    def runtime(self) -> str:
        """What runs it, as a bundle's manifest says it."""
        return "onnxruntime" if self.value.startswith("ONNX") else "llama.cpp"

    @property
    def suffix(self) -> str:
        """Of its file."""
        return ".onnx" if self.runtime == "onnxruntime" else ".gguf"

    def files(self, model: Path) -> list[Path]:
        """The model file and what it needs beside it."""
        beside = ("model.data", "tokenizer.json") if self.suffix == ".onnx" else ()
        return [model, *(model.with_name(name) for name in beside)]

    @property
    def bits_per_weight(self) -> float:
        """Of a tensor in this encoding, scales included. A file has more: llama.cpp keeps some tensors finer."""
        return _ABOUT[self].bits

    @property
    def row_multiple(self) -> int:
        """Rows of another length silently fall back to another encoding (1: none do)."""
        return _ABOUT[self].row

    @property
    def note(self) -> str:
        return _ABOUT[self].note


def encoding(name: str) -> Encoding:
    """The encoding of that name, in any case. Raises BadTarget."""
    try:
        return Encoding(name.upper())
    except ValueError:
        allowed = [*Encoding]
        raise BadTarget(
            "There is no such encoding.", value=name, allowed=", ".join(allowed), next=did_you_mean(name, allowed)
        ) from None


# Bits: block sizes of ggml-common.h in llama.cpp (18, 22, 24, 34 bytes for 32 weights; 144 and 210 bytes for 256).
# Q4_K_M is a recipe, Q4_K with some tensors in Q6_K: its bits are the nominal Q4_K figure plus that share on a llama.
_ABOUT = {
    Encoding.Q4_0: _About(4.5, 32, "fastest, repacked for wide kernels; costs a tiny model the most quality"),
    Encoding.IQ4_NL: _About(4.5, 32, "size of Q4_0, finer levels; repacked on ARM with dot product too"),
    Encoding.Q4_K_M: _About(4.85, 256, "K-quants fall back where rows are not a multiple of 256"),
    Encoding.Q5_0: _About(5.5, 32, "never repacked: slower than Q8_0 to prefill, smaller to store"),
    Encoding.Q5_1: _About(6.0, 32, "Q5_0 with an offset for each block; never repacked"),
    Encoding.Q6_K: _About(6.5625, 256, "K-quants fall back where rows are not a multiple of 256"),
    Encoding.Q8_0: _About(8.5, 32, "as good as F16 in every measurement so far"),
    Encoding.F16: _About(16.0, 1, "the yardstick of the ladder; seldom what a board should run"),
    Encoding.ONNX_INT8: _About(8.0, 64, "ONNX Runtime, products of 8 bits: the fastest prefill, a slow lone token"),
    Encoding.ONNX_INT4: _About(4.5, 64, "ONNX Runtime; blocks of 64 weights, products of 8 bits"),
}
