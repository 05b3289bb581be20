"""ONNX Runtime on the CPU.

Knows nothing of grammars. Runs the graphs that `boardwright.build.export_onnx` writes: attention keeps its keys and
values in arrays of ours and grows them in place, and logits are computed for the rows that are asked for alone.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from llguidance import LLTokenizer, TokenizerWrapper
from tokenizers import Tokenizer

from boardwright.device.cores import cpu_features
from boardwright.device.engines.base import N_BATCH, ContextFull, Feed, Logits
from boardwright.device.engines.ort import onnxruntime as ort
from boardwright.schemas.errors import BadBundle

TOKENIZER = "tokenizer.json"
# x86's products of eight bits that are summed up in 32, as Linux calls them.
VNNI = frozenset({"avx512_vnni", "avx_vnni"})


class OnnxEngine:
    """An .onnx file loaded for inference, with the tokenizer.json beside it. See `Engine` for the contract.

    A pass is of one sequence: the attention operator takes several new tokens for one sequence only. Feeds of several
    go one after the other.
    """

    # Of the 135M student at eight bits on two x86 cores: 6.5 ms and 0.29 ms a token. `threads` measures it anew.
    pass_cost = 22.0
    kernels = "onnxruntime"  # it picks by the CPU too, and does not tell

    def __init__(
        self, path: Path, *, n_ctx: int, n_sequences: int = 1, threads: int = 0, twin_of: OnnxEngine | None = None
    ) -> None:
        """n_ctx: positions of each sequence.  threads: 0 for all cores.  twin_of: see `twin`.  Raises BadBundle when it
        can't be read."""
        self._path = path
        self.n_ctx = n_ctx
        self.n_sequences = n_sequences
        self._session: Any = _session(path, threads) if twin_of is None else twin_of._session
        inputs = {one.name: one.shape for one in self._session.get_inputs()}
        self._caches = [name for name in inputs if name.startswith("past_key_values.")]
        if not self._caches or "rows" not in inputs:
            raise BadBundle(
                "This is not a graph that boardwright exported.",
                where=path,
                value=", ".join(list(inputs)[:6]),
                allowed="input_ids, rows, seqlens_k, total_sequence_length, past_key_values.0.key, …",
            )
        _, heads, _, width = inputs[self._caches[0]]
        [logits] = [one for one in self._session.get_outputs() if one.name == "logits"]
        self.n_vocab = int(logits.shape[-1])
        self._memory = _untouched((n_sequences, len(self._caches), 1, heads, n_ctx, width))
        self._bindings = [self._bind(sequence) for sequence in range(n_sequences)]
        self._text: _Text = _Text(path.with_name(TOKENIZER)) if twin_of is None else twin_of._text
        # Not LLTokenizer's own reading of the file: that takes text which spells a special token for the token.
        self.tokenizer: LLTokenizer = (
            LLTokenizer(TokenizerWrapper(_Vocabulary(self._text, self.n_vocab)), n_vocab=self.n_vocab)
            if twin_of is None
            else twin_of.tokenizer
        )

    def _bind(self, sequence: int) -> Any:
        """Keys and values of a sequence: the same memory in and out, so that a pass writes its own and copies none."""
        binding = self._session.io_binding()
        for name, cache in zip(self._caches, self._memory[sequence], strict=True):
            place = ("cpu", 0, np.float32, cache.shape, cache.ctypes.data)
            binding.bind_input(name, *place)
            binding.bind_output(name.replace("past_key_values", "present"), *place)
        return binding

    def forward(self, feeds: Sequence[Feed]) -> list[Logits]:
        if sum(len(feed.tokens) for feed in feeds) > N_BATCH:
            raise ContextFull(f"more than {N_BATCH} tokens in a pass")
        return [self._forward(feed) for feed in feeds]

    def _forward(self, feed: Feed) -> Logits:
        until = feed.at + len(feed.tokens)
        if until > self.n_ctx:
            raise ContextFull(f"{feed.at} + {len(feed.tokens)} tokens in a context of {self.n_ctx}")
        # The graph wants at least one row.
        rows = np.array(feed.want or [len(feed.tokens) - 1], np.int64)
        logits = np.empty((1, len(rows), self.n_vocab), np.float32)
        binding = self._bindings[feed.sequence]
        inputs: dict[str, npt.NDArray[Any]] = {
            "input_ids": np.array([feed.tokens], np.int64),
            "rows": rows,
            # What lies behind the position is overwritten: so a step back needs no call of its own.
            "seqlens_k": np.array([until - 1], np.int32),
            "total_sequence_length": np.array([until], np.int32),
        }
        for name, values in inputs.items():
            binding.bind_cpu_input(name, values)
        binding.bind_output("logits", "cpu", 0, np.float32, logits.shape, logits.ctypes.data)
        self._session.run_with_iobinding(binding)
        return logits[0, : len(feed.want)]

    def copy(self, source: int, target: int, until: int) -> None:
        self._memory[target, ..., :until, :] = self._memory[source, ..., :until, :]

    def tokenize(self, text: str, special: bool) -> list[int]:
        return self._text.encode(text, special)

    def detokenize(self, tokens: Sequence[int]) -> bytes:
        return self.tokenizer.decode_bytes(list(tokens))

    def use_threads(self, decode: int, prefill: int) -> None:
        """From the next pass on. ONNX Runtime has one pool, so the larger number holds for both."""
        self._session = _session(self._path, max(decode, prefill))
        self._bindings = [self._bind(sequence) for sequence in range(self.n_sequences)]

    def twin(self) -> OnnxEngine:
        """Another engine on the same weights, with a cache of its own, for another thread."""
        return OnnxEngine(self._path, n_ctx=self.n_ctx, n_sequences=self.n_sequences, twin_of=self)

    def close(self) -> None:
        del self._bindings, self._session


def _untouched(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Zeros of which those that no token has reached cost nothing: the kernel gives out pages as they are written.

    Small ones, where numpy asks for huge ones: such a page holds all positions of several heads, and would be written
    whole at the first token."""
    memory = mmap.mmap(-1, 4 * math.prod(shape), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.float32).reshape(shape)


def _session(path: Path, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
    options.log_severity_level = 4
    # The arena keeps what the longest pass took for ever; on a board that memory is wanted elsewhere.
    options.enable_cpu_mem_arena = False
    # x86 without VNNI sums products up in 16 bits, where two large ones do not fit, unless it is told to take 32
    # (microsoft/onnxruntime #12088). With VNNI they fit as they are, and to be told so takes twice the time.
    if not VNNI & cpu_features():
        options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base
        raise BadBundle("ONNX Runtime cannot load this model file.", where=path, value=str(error)[:200]) from None


class _Text:
    """A tokenizer.json, read with and without an eye for special tokens; one object each, for threads share them."""

    def __init__(self, path: Path) -> None:
        try:
            self.plain, self._special = Tokenizer.from_file(str(path)), Tokenizer.from_file(str(path))
        except Exception as error:  # it raises no other type
            raise BadBundle(
                "The tokenizer beside the model cannot be read.", where=path, value=str(error)[:200]
            ) from None
        self.plain.encode_special_tokens = True

    def encode(self, text: str, special: bool) -> list[int]:
        return list((self._special if special else self.plain).encode(text, add_special_tokens=False).ids)


class _Vocabulary:
    """What llguidance asks of a tokenizer. tokens: the bytes of each id, of byte-level BPE."""

    bos_token_id = None
    eos_token_id = 0  # grammars end by themselves

    def __init__(self, text: _Text, size: int) -> None:
        self._text = text
        tokenizer = text.plain
        self.special_token_ids = [id for id, token in tokenizer.get_added_tokens_decoder().items() if token.special]
        special = set(self.special_token_ids)
        self.tokens = [
            b"" if (token := tokenizer.id_to_token(id)) is None else token.encode() if id in special else _bytes(token)
            for id in range(size)
        ]

    def __call__(self, text: str) -> list[int]:
        return self._text.encode(text, special=False)


def _bytes(token: str) -> bytes:
    return b"".join(_BYTES.get(character) or character.encode() for character in token)


# How byte-level BPE spells bytes: those that are no printable character of Latin-1 follow from 256 on, in order.
# Source: GPT-2's encoder (bytes_to_unicode).
_PRINTABLE = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]
_BYTES = {chr(byte): bytes([byte]) for byte in _PRINTABLE} | {
    chr(256 + place): bytes([byte]) for place, byte in enumerate(_OTHERS)
}
