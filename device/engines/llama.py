"""llama.cpp through the low-level calls of llama-cpp-python.

Knows nothing of grammars. The high-level `Llama` class is avoided: it copies all logits, keeps a token history
and owns sampling, none of which the decoder wants.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np

from boardwright.device.engines.base import N_BATCH, ContextFull, Feed, Logits
from boardwright.schemas.errors import BadBundle

# The compute buffer grows with the micro-batch (its logits alone are 200 kB a token at 49 k words), and a longer
# one is no faster on two to four small cores.
N_UBATCH = 128

_quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
# What llama.cpp says of the kernels that it runs -> our name of the variant, the best first.
_KERNELS = {
    "MATMUL_INT8": "i8mm",
    "DOTPROD": "dotprod",
    "NEON": "armv8.0",
    "AVX512_VNNI": "avx512-vnni",
    "AVX2": "avx2",
}


def kernels() -> str:
    """The kernel variant in use. Rounding differs between them: the same records, not always the same tokens."""
    _start()
    told = llama_cpp.llama_print_system_info().decode("ascii", "replace")
    return next((name for word, name in _KERNELS.items() if f"{word} = 1" in told), "plain")


class LlamaEngine:
    """A GGUF file loaded for inference. See `Engine` for the contract."""

    # Of the 135M student at four bits on two x86 cores: 4.3 ms and 0.62 ms a token. `threads` measures it anew.
    pass_cost = 7.0

    def __init__(
        self,
        path: Path,
        *,
        n_ctx: int,
        n_sequences: int = 1,
        cells: int = 0,
        threads: int = 0,
        prefill_threads: int = 0,
        twin_of: LlamaEngine | None = None,
    ) -> None:
        """n_ctx: positions of each sequence.  cells: of the cache for all of them, which may share some; 0 for no
        sharing.  threads: for decoding, 0 for all cores.  prefill_threads: the same for passes of many tokens, 0 for
        the same as `threads`.  twin_of: see `twin`.  Raises BadBundle when llama.cpp can't read the file."""
        cores = len(os.sched_getaffinity(0))
        self._owns_model = twin_of is None
        self._model: Any = _load(path) if twin_of is None else twin_of._model
        self.kernels = kernels()
        self._settings: dict[str, Any] = {"n_ctx": n_ctx, "n_sequences": n_sequences, "cells": cells}
        self._settings |= {"threads": threads, "prefill_threads": prefill_threads}
        self._path = path
        context = llama_cpp.llama_context_default_params()
        context.n_ctx = cells or n_ctx * n_sequences
        context.n_seq_max = n_sequences
        context.n_batch = N_BATCH
        context.n_ubatch = N_UBATCH
        context.n_threads = threads or cores
        context.n_threads_batch = prefill_threads or threads or cores
        # One cache for all sequences: a prefix copied to another sequence then costs no memory.
        context.kv_unified = True
        context.no_perf = True
        self._context = llama_cpp.llama_init_from_model(self._model, context)
        if not self._context:
            if self._owns_model:
                llama_cpp.llama_model_free(self._model)
            raise BadBundle(
                "llama.cpp cannot make a context for this model.", where=path, value=n_ctx, next="lower n_ctx"
            )
        self._memory = llama_cpp.llama_get_memory(self._context)
        self.vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.n_vocab = llama_cpp.llama_vocab_n_tokens(self.vocab)
        self.n_ctx = n_ctx
        self.n_sequences = n_sequences
        self._adapters: dict[Path, Any] = {}
        self._adapter: Path | None = None
        self._allocate_batch()

    def _allocate_batch(self) -> None:
        """A llama_batch over arrays of our own: filling them as slices is many times faster than item by item."""
        self._tokens = np.zeros(N_BATCH, np.int32)
        self._positions = np.zeros(N_BATCH, np.int32)
        self._counts = np.ones(N_BATCH, np.int32)
        self._sequences = np.zeros(N_BATCH, np.int32)
        self._wanted = np.zeros(N_BATCH, np.int8)
        base = self._sequences.ctypes.data
        pointer = ctypes.POINTER(ctypes.c_int32)
        self._sequence_pointers = (pointer * N_BATCH)(*(ctypes.cast(base + 4 * i, pointer) for i in range(N_BATCH)))
        batch = llama_cpp.llama_batch()
        # The stubs call these fields arrays; in C they are pointers.
        fields: dict[str, Any] = {
            "token": self._tokens.ctypes.data_as(pointer),
            "pos": self._positions.ctypes.data_as(pointer),
            "n_seq_id": self._counts.ctypes.data_as(pointer),
            "seq_id": ctypes.cast(self._sequence_pointers, ctypes.POINTER(pointer)),
            "logits": self._wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        }
        for name, value in fields.items():
            setattr(batch, name, value)
        self._batch = batch

    def forward(self, feeds: Sequence[Feed]) -> list[Logits]:
        used = 0
        self._wanted[:] = 0
        outputs: list[tuple[int, Sequence[int]]] = []
        for feed in feeds:
            count = len(feed.tokens)
            if used + count > N_BATCH or feed.at + count > self.n_ctx:
                raise ContextFull(f"{feed.at} + {count} tokens in a context of {self.n_ctx}")
            # Rolls back what an earlier pass wrote past this point; nothing to do when there was nothing.
            llama_cpp.llama_memory_seq_rm(self._memory, feed.sequence, feed.at, -1)
            self._tokens[used : used + count] = feed.tokens
            self._positions[used : used + count] = np.arange(feed.at, feed.at + count, dtype=np.int32)
            self._sequences[used : used + count] = feed.sequence
            for offset in feed.want:
                self._wanted[used + offset] = 1
            outputs.append((used, feed.want))
            used += count
        self._batch.n_tokens = used
        status = llama_cpp.llama_decode(self._context, self._batch)
        if status == 1:
            raise ContextFull("llama_decode found no room in the KV cache")
        if status != 0:
            raise RuntimeError(f"llama_decode failed with status {status}")
        return [self._logits(start, want) for start, want in outputs]

    def _logits(self, start: int, want: Sequence[int]) -> Logits:
        if not want:
            return np.empty((0, self.n_vocab), np.float32)
        # Outputs lie one after the other in llama.cpp's buffer, in batch order.
        first = llama_cpp.llama_get_logits_ith(self._context, start + want[0])
        return np.ctypeslib.as_array(first, shape=(len(want), self.n_vocab))

    def copy(self, source: int, target: int, until: int) -> None:
        llama_cpp.llama_memory_seq_rm(self._memory, target, 0, -1)
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, until)

    def drop(self, sequence: int) -> None:
        """Forget all that a sequence holds."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, 0, -1)

    def tokenize(self, text: str, special: bool) -> list[int]:
        raw = text.encode("utf-8")
        room = len(raw) + 8
        buffer = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(self.vocab, raw, len(raw), buffer, room, False, special)
        if count < 0:
            raise RuntimeError(f"llama_tokenize needs {-count} tokens for {len(raw)} bytes")
        return list(buffer[:count])

    def detokenize(self, tokens: Sequence[int]) -> bytes:
        buffer = ctypes.create_string_buffer(256)
        parts = []
        for token in tokens:
            size = llama_cpp.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, True)
            parts.append(buffer.raw[:size])
        return b"".join(parts)

    def load_adapter(self, path: Path) -> None:
        """Load a LoRA adapter (GGUF) for this model; `use_adapter` puts it on. Raises BadBundle."""
        adapter = llama_cpp.llama_adapter_lora_init(self._model, os.fsencode(path))
        if not adapter:
            raise BadBundle(
                "llama.cpp cannot put this adapter on the model.",
                where=path,
                next="check that it is a LoRA adapter (GGUF) of this very student",
            )
        self._adapters[path] = adapter

    def use_adapter(self, path: Path | None) -> None:
        """From the next pass on: one of the loaded adapters, or none. What the cache holds stays as it was computed."""
        if path == self._adapter:
            return
        chosen = [] if path is None else [self._adapters[path]]
        adapters = (llama_cpp.llama_adapter_lora_p_ctypes * len(chosen))(*chosen)
        scales = (ctypes.c_float * len(chosen))(*[1.0] * len(chosen))
        if llama_cpp.llama_set_adapters_lora(self._context, adapters, len(chosen), scales) != 0:
            raise RuntimeError(f"llama.cpp refuses the adapter {path}")
        self._adapter = path

    def use_threads(self, decode: int, prefill: int) -> None:
        """From the next pass on: decode for passes of one token, prefill for longer ones."""
        llama_cpp.llama_set_n_threads(self._context, decode, prefill)

    def twin(self) -> LlamaEngine:
        """Another engine on the same weights, with a cache of its own, for another thread; close it before this one."""
        return LlamaEngine(self._path, **self._settings, twin_of=self)

    def close(self) -> None:
        if self._context:
            llama_cpp.llama_free(self._context)
            if self._owns_model:
                llama_cpp.llama_model_free(self._model)
            self._context = None


@cache
def _start() -> None:
    """Once a process, before the first model. A wheel for boards has its kernels in libraries of their own, of which
    this loads the best that the CPU can run; from Python llama.cpp does not find them by itself."""
    libraries = Path(llama_cpp.__file__).parent / "lib"
    if list(libraries.glob("libggml-cpu-*.so")):
        llama_cpp.llama_cpp._lib.ggml_backend_load_all_from_path(os.fsencode(libraries))
    llama_cpp.llama_backend_init()


def _load(path: Path) -> Any:
    # Every time: another user of llama.cpp in this process may have set one that is gone by now.
    llama_cpp.llama_log_set(_quiet, ctypes.c_void_p(0))
    _start()
    parameters = llama_cpp.llama_model_default_params()
    # Weights are repacked into memory of their own for wide kernels; mapping the file as well would count twice.
    parameters.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE
    model = llama_cpp.llama_model_load_from_file(os.fsencode(path), parameters)
    if not model:
        raise BadBundle(
            "llama.cpp cannot load this model file.",
            where=path,
            next="check that it is a complete GGUF of a llama model",
        )
    return model
