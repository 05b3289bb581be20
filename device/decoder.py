"""One record, decoded: a coroutine that yields tokens to feed and is sent logits.

Knows nothing of engines, prompts or JSON: it sees a matcher (what may come next), a drafter (what probably comes
next), logits (what the student wants) and positions. Whoever drives it decides which records share a forward pass.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from boardwright.device.engines.base import Logits
from boardwright.schemas.errors import BadRecord

# The longest draft: what a record of the shipped tasks takes, and small beside an engine's batch.
MAX_DRAFT = 256
# A token of a draft that is this likely begins no link of its own.
CERTAIN = 0.95


class OutOfRoom(BadRecord):
    """The record needs more positions than there are."""


class Matcher(Protocol):
    """The part of llguidance's LLMatcher that decoding needs."""

    def compute_ff_tokens(self) -> list[int]: ...
    def consume_token(self, token: int, /) -> bool: ...
    def consume_tokens(self, tokens: list[int], /) -> bool: ...
    def validate_tokens(self, tokens: list[int], /) -> int: ...
    def compute_bitmask(self) -> bytes: ...
    def rollback(self, num_tokens: int, /) -> bool: ...
    def is_stopped(self) -> bool: ...
    def is_error(self) -> bool: ...
    def get_error(self) -> str: ...


class Drafter(Protocol):
    """Guesses how an output goes on. A wrong guess costs time and changes nothing."""

    def guess(self, output: Sequence[int]) -> Iterable[tuple[int, float]]:
        """Tokens after `output`, each with the probability that the student takes it, given those before it."""


@dataclass(frozen=True)
class Step:
    """One forward pass asked for: feed `tokens` from position `at` on.

    want: ascending offsets into tokens, the last one among them; logits of those are wanted. A driver that feeds a
    step in several passes keeps the tokens from the first wanted one on together.
    """

    at: int
    tokens: Sequence[int]
    want: Sequence[int]


@dataclass(frozen=True)
class Decoded:
    """tokens: the whole output, forced ones included.  passes: forward passes it took, the prompt's included.

    drafted, accepted: tokens fed on a guess, and those of them that stayed.  log_probabilities: the student's, in nats,
    of each token over the whole vocabulary; 0 where it was forced.
    """

    tokens: list[int]
    passes: int
    drafted: int = 0
    accepted: int = 0
    log_probabilities: tuple[float, ...] = ()


def decode(
    matcher: Matcher,
    prompt: Sequence[int],
    at: int,
    room: int,
    drafter: Drafter | None = None,
    overhead: float = 0.0,
) -> Generator[Step, Logits, Decoded]:
    """Decode greedily under the grammar.

    prompt: what is not yet in the cache; it goes in with the first pass.  at: its position.  room: positions of the
    context.  overhead: what a pass costs beside its tokens, in tokens.

    Is sent float32 logits of shape (wanted offsets, n_vocab); they are read before the next step is yielded.
    Tokens that the grammar forces are never sampled: they ride along in the next pass, and so do drafted ones as long
    as they pay. The output is that of greedy decoding without drafts. Raises OutOfRoom when the context ends
    before the record does.
    """
    output: list[int] = []
    sure: list[float] = []  # log probabilities of the output
    pending = list(prompt)
    passes = drafted = accepted = 0
    while True:
        forced = _consume_forced(matcher)
        output += forced
        sure += [0.0] * len(forced)
        pending += forced
        if matcher.is_error():
            raise BadRecord("The grammar stopped the record.", value=matcher.get_error())
        if matcher.is_stopped():
            return Decoded(output, passes, drafted, accepted, tuple(sure))
        free = room - at - len(pending)
        if free < 0:
            raise OutOfRoom(
                "The context ended before the record did.",
                value=f"{at + len(pending)} tokens",
                allowed=f"{room} tokens",
                next="raise the task's limits.context, or tighten the record's bounds",
            )
        draft = _draft(matcher, drafter, output, overhead, min(free, MAX_DRAFT)) if drafter else []
        fed = [token for group in draft for token in group]
        drafted += len(fed)
        want = [len(pending) - 1]
        for group in draft:
            want.append(want[-1] + len(group))
        rows = yield Step(at, [*pending, *fed], want)
        passes += 1
        at += len(pending)
        for group, logits in zip([*draft, []], rows, strict=True):
            if matcher.is_stopped():
                return Decoded(output, passes, drafted, accepted, tuple(sure))
            token = choose(matcher, logits)
            sure.append(log_probability(logits, token))
            if not group or token != group[0]:
                matcher.consume_token(token)
                output.append(token)
                pending = [token]
                break
            matcher.consume_tokens(group)
            output += group
            sure += [0.0] * (len(group) - 1)
            accepted += len(group)
            at += len(group)


def _consume_forced(matcher: Matcher) -> list[int]:
    forced = matcher.compute_ff_tokens()
    if forced:
        matcher.consume_tokens(forced)
    return forced


def _draft(matcher: Matcher, drafter: Drafter, output: Sequence[int], overhead: float, room: int) -> list[list[int]]:
    """What of the guess pays, in groups: a token to choose, then those that it forces. The matcher is left as it was.

    A guess is a chain of doubtful tokens, each followed by others that are all but certain once it is right. Feeding
    such a link of n tokens saves a pass with the probability p that it and all before it are right, and wastes n
    tokens otherwise: it is worth it when p * overhead > (1 - p) * n.
    """
    links: list[tuple[float, list[list[int]]]] = []
    consumed = 0
    right = 1.0
    forced: list[int] = []  # by the last group, still to be met in the guess
    for token, probability in drafter.guess(output):
        if forced:
            if token != forced.pop(0):
                break  # the guess spells it otherwise than the grammar does: what follows would be misplaced
            continue
        right *= probability
        if right * overhead <= 1 - right or consumed >= room or matcher.validate_tokens([token]) != 1:
            break
        matcher.consume_token(token)
        forced = _consume_forced(matcher)
        group = [token, *forced]
        consumed += len(group)
        if probability < CERTAIN or not links:
            links.append((right, []))
        links[-1][1].append(group)
        if matcher.is_stopped():
            break
    if consumed:
        matcher.rollback(consumed)
    groups: list[list[int]] = []
    fed = 0
    for right, link in links:
        size = sum(map(len, link))
        if right * overhead <= (1 - right) * size or fed + size > room:
            break
        groups += link
        fed += size
    return groups


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


def log_probability(logits: Logits, token: int) -> float:
    """Of one token, in nats, before the grammar has its say: where it had to overrule the student, this is low."""
    highest = logits.max()
    return float(logits[token] - highest - np.log(np.exp(logits - highest).sum()))
