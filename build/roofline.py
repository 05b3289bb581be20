"""Roofline: how fast a student should be on a board that nobody has measured.

Knows nothing of measurements; speeds.py decides which of both is told. A pass of n tokens takes as long as the slower
of reading all weights once and multiplying each token with them:

    seconds = max(bytes / bandwidth, macs / throughput)
    bandwidth  = roofline.bandwidth_gb_s · 10^9 · memory_efficiency
    throughput = threads · clock_mhz · 10^6 · macs_per_cycle · compute_efficiency · KERNELS[encoding]

Source: Williams, Waterman, Patterson, "Roofline: an insightful visual performance model", CACM 52 (2009), 65–76. It is
an upper bound: where reading and multiplying take equally long, a real pass takes up to twice that. Left out as small
at these lengths: attention over the cache, activations, norms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from boardwright.schemas.encodings import Encoding
from boardwright.schemas.errors import KitError
from boardwright.targets.profile import Roofline, Target

# The rate of an encoding's kernel beside Q4_0's where weights are repacked: passes of 128 tokens on x86-64, taken over
# for ARM. Q4_K_M is mostly Q5_0 on rows that are no multiple of 256. Those for ONNX Runtime are chosen.
KERNELS = {
    Encoding.Q4_0: 1.0,
    Encoding.IQ4_NL: 0.78,
    Encoding.Q4_K_M: 0.46,
    Encoding.Q5_0: 0.46,
    Encoding.Q5_1: 0.46,
    Encoding.Q6_K: 0.46,
    Encoding.Q8_0: 0.58,
    Encoding.F16: 0.5,
    Encoding.ONNX_INT8: 1.0,
    Encoding.ONNX_INT4: 0.5,
}
# Of a record's time, what passes when no forward pass runs: 6 to 7 % on x86-64.
OUTSIDE = 0.065
# A prompt long enough to be bound by arithmetic everywhere.
LONG = 128


@dataclass(frozen=True)
class ModelShape:
    """Weights that take part in a pass. body: of the layers, for every token.  head: of the output matrix, for every
    token whose logits are wanted.  size: bytes of both; a table of embeddings that is not the head is never read whole.
    """

    body: int
    head: int
    size: int


@dataclass(frozen=True)
class Work:
    """A typical record, in tokens (means, so fractions too).

    prompt: beyond the cached prefix.  output: of the record.  drafted, accepted: guesses, and those that were right.
    passes: forward passes.
    """

    prompt: float
    output: float
    drafted: float
    accepted: float
    passes: float


# An invoice: the mean of 80 held-out ones, Q4_0 of the demo's student (docs/LOG.md, 2026-12).
TYPICAL = Work(prompt=119.3, output=64.3, drafted=63.5, accepted=61.6, passes=1.26)


@dataclass(frozen=True)
class Prediction:
    """prefill: tokens a second of a long prompt.  decode: tokens a second, a token a pass.  record_ms: of `Work`."""

    prefill_tokens_per_s: float
    decode_tokens_per_s: float
    record_ms: float


def student_shape(encoding: Encoding) -> ModelShape:
    """SmolLM2-135M in an encoding, as llama.cpp writes it: the tied embedding is kept at 8 bits or more."""
    body, head = 106_203_456, 28_311_552
    head_bits = max(encoding.bits_per_weight, Encoding.Q8_0.bits_per_weight)
    return ModelShape(body, head, int(body * encoding.bits_per_weight / 8 + head * head_bits / 8))


def model_shape(model: Path, encoding: Encoding, size: int) -> ModelShape:
    """The shape of a model file. size: bytes of it with its weights.

    A GGUF tells; of a file for ONNX Runtime the weights are counted by its bytes, and all are taken for its body.
    Raises KitError for a file that is no such model."""
    if encoding.suffix != ".gguf":
        return ModelShape(int(size * 8 / encoding.bits_per_weight), 0, size)
    from gguf import GGUFReader

    try:
        tensors = {one.name: one for one in GGUFReader(model).tensors}
        head = tensors["output.weight" if "output.weight" in tensors else "token_embd.weight"]
    except (ValueError, IndexError, KeyError, OSError) as error:
        raise KitError(
            f"This model can't be read: {error}.", where=model, allowed="a GGUF of a language model"
        ) from None
    layers = [one for name, one in tensors.items() if name.startswith("blk.")]
    matrices = sum(int(one.n_elements) for one in layers if len(one.shape) > 1)
    return ModelShape(matrices, int(head.n_elements), sum(int(one.n_bytes) for one in [*layers, head]))


def predict(target: Target, shape: ModelShape, encoding: Encoding, work: Work = TYPICAL) -> Prediction | None:
    """What the roofline of a target gives; None where its profile has none."""
    if target.roofline is None:
        return None
    roofline, threads = target.roofline, target.threads
    # Without dot products nothing is repacked, and all encodings go through kernels of about one speed.
    kernel = KERNELS[encoding] if "asimddp" in target.cpu.features else 1.0

    def seconds(tokens: float, wanted: float) -> float:
        macs = tokens * shape.body + wanted * shape.head
        rate = _macs_per_s(roofline, threads.prefill if tokens > 1 else threads.decode) * kernel
        return max(shape.size / _bytes_per_s(roofline), macs / rate)

    return Prediction(LONG / seconds(LONG, 1), 1 / seconds(1, 1), 1e3 * _record_s(work, seconds))


def _record_s(work: Work, seconds: Callable[[float, float], float]) -> float:
    """The first pass takes the prompt and the guesses; what they leave is shared among the other passes."""
    tokens = work.output + work.drafted - work.accepted
    ahead = min(work.drafted, tokens)
    later = max(work.passes - 1, 0.0)
    each = max((tokens - ahead) / later, 1.0) if later else 0.0
    return (seconds(work.prompt + ahead, ahead + 1) + later * seconds(each, each)) / (1 - OUTSIDE)


def _bytes_per_s(roofline: Roofline) -> float:
    return roofline.bandwidth_gb_s * 1e9 * roofline.memory_efficiency


def _macs_per_s(roofline: Roofline, threads: int) -> float:
    return threads * roofline.clock_mhz * 1e6 * roofline.macs_per_cycle * roofline.compute_efficiency
