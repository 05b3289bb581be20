"""One record, decoded: a coroutine that yields tokens to feed and is sent logits.

Knows nothing of engines, prompts or JSON: it sees a matcher (what may come next), logits (what the student wants) and
positions. Whoever drives it decides which records share a forward pass.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from boardwright.device.engines.base import Logits
from boardwright.schemas.errors import BadRecord


class Matcher(Protocol):
    """The part of llguidance's LLMatcher that decoding needs."""

    def compute_ff_tokens(self) -> list[int]: ...
    def consume_token(self, token: int, /) -> bool: ...
    def consume_tokens(self, tokens: list[int], /) -> bool: ...
    def validate_tokens(self, tokens: list[int], /) -> int: ...
    def compute_bitmask(self) -> bytes: ...
    def is_stopped(self) -> bool: ...
    def is_error(self) -> bool: ...
    def get_error(self) -> str: ...


@dataclass(frozen=True)
class Step:
    """One forward pass asked for: feed `tokens` from position `at` on; logits of the last one are wanted."""

    at: int
    tokens: Sequence[int]


@dataclass(frozen=True)
class Decoded:
    """tokens: the whole output, forced ones included.  passes: forward passes it took, the prompt's included."""

    tokens: list[int]
    passes: int


def decode(matcher: Matcher, prompt: Sequence[int], at: int, room: int) -> Generator[Step, Logits, Decoded]:
    """Decode greedily under the grammar.

    prompt: what is not yet in the cache; it goes in with the first pass.  at: its position.  room: positions of the
    context.  Is sent float32 logits of shape (n_vocab,).  Tokens that the grammar forces are never sampled: they ride
    along in the next pass.  Raises BadRecord when the context ends before the record does.
    """
    output: list[int] = []
    pending = list(prompt)
    passes = 0
    while True:
        forced = matcher.compute_ff_tokens()
        if forced:
            matcher.consume_tokens(forced)
            output += forced
            pending += forced
        if matcher.is_error():
            raise BadRecord("The grammar stopped the record.", value=matcher.get_error())
        if matcher.is_stopped():
            return Decoded(output, passes)
        if at + len(pending) > room:
            raise BadRecord(
                "The context ended before the record did.",
                value=f"{at + len(pending)} tokens",
                allowed=f"{room} tokens",
                next="raise the task's limits.context, or tighten the record's bounds",
            )
        logits = yield Step(at, pending)
        passes += 1
        at += len(pending)
        token = choose(matcher, logits)
        matcher.consume_token(token)
        output.append(token)
        pending = [token]


def choose(matcher: Matcher, logits: Logits) -> int:
    """The likeliest token that the grammar admits.

    A tuned student nearly always wants a legal token, and asking about one costs microseconds where a mask over the
    vocabulary costs up to a millisecond: so the favourite is tried first. The result is the same.
    """
    favourite = int(logits.argmax())
    if matcher.validate_tokens([favourite]) == 1:
        return favourite
    mask = np.frombuffer(matcher.compute_bitmask(), np.uint8)
    allowed: npt.NDArray[np.bool_] = np.unpackbits(mask, bitorder="little", count=logits.size).view(np.bool_)
    return int(np.where(allowed, logits, -np.inf).argmax())
