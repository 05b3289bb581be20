"""What the decoder needs from a runtime: token ids in, logits out.

Knows nothing of schemas, JSON or prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.float32]

# Tokens that one call of `forward` may hold.
N_BATCH = 1024


class ContextFull(Exception):
    """The KV cache has no room for these tokens."""


@dataclass(frozen=True)
class Feed:
    """Tokens for one sequence. What its cache holds from position `at` on is dropped first.

    tokens: ids, at least one.  want: ascending offsets into tokens whose next-token logits are needed.
    """

    sequence: int
    at: int
    tokens: Sequence[int]
    want: Sequence[int]


class Engine(Protocol):
    """One model, several sequences. Not thread-safe: one owner at a time (concurrent calls crash llama.cpp)."""

    n_vocab: int
    n_ctx: int
    n_sequences: int
    # What a pass costs beside its tokens, in tokens, of which drafting is a bargain: 4.3 ms against 0.62 a token, say.
    pass_cost: float
    # Which kernels compute: rounding, and so a near-tie, may differ from one variant to another.
    kernels: str

    def forward(self, feeds: Sequence[Feed]) -> list[Logits]:
        """One forward pass over all feeds. Returns float32 of shape (len(want), n_vocab) per feed, in order.

        The arrays are valid until the next call. Raises ContextFull when the KV cache has no room.
        """

    def copy(self, source: int, target: int, until: int) -> None:
        """Make the target sequence hold the source's first `until` positions, and nothing else."""

    def tokenize(self, text: str, special: bool) -> list[int]:
        """Ids of a text, without BOS. Special tokens written in the text are parsed only where `special`."""

    def detokenize(self, tokens: Sequence[int]) -> bytes: ...

    def close(self) -> None: ...
