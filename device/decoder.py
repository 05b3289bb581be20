"""One record, decoded: a coroutine that yields tokens to feed and is sent logits.

Knows nothing of engines, prompts or JSON: it sees a matcher (what may come next), a drafter (what probably comes
next), logits (what the student wants) and positions. Whoever drives it decides which records share a forward pass.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from boardwright.device.engines.base import Logits
from boardwright.schemas.errors import BadRecord

# The longest draft: what a record of the shipped tasks takes, and small beside an engine's batch.
MAX_DRAFT = 256
# Of the tokens that the greedy output took, and how likely the token must be that another one begins with.
SEARCH = 2.0
FAINT = 0.01
LIKE = 4  # tokens that two outputs have in common where one is taken to go on as the other
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
    of each token over the whole vocabulary; 0 where it was forced.  ways: other outputs that were tried.
    """

    tokens: list[int]
    passes: int
    drafted: int = 0
    accepted: int = 0
    log_probabilities: tuple[float, ...] = ()
    ways: int = 0


def decode(
    matcher: Matcher,
    prompt: Sequence[int],
    at: int,
    room: int,
    drafter: Drafter | None = None,
    overhead: float = 0.0,
    search: float = SEARCH,
) -> Generator[Step, Logits, Decoded]:
    """Decode the likeliest output under the grammar: the greedy one, then others for as long as they can be likelier.

    An output whose beginning is less likely than a whole one that was found is given up: the search is a branch and
    bound (Land and Doig 1960; for language models as in Stahlberg and Byrne 2019, "On NMT Search Errors and Model
    Errors"), and exact but for tokens below FAINT and for its end. A student that is sure of a record leaves nothing to
    search.

    prompt: what is not yet in the cache; it goes in with the first pass.  at: its position.  room: positions of the
    context.  overhead: what a pass costs beside its tokens, in tokens.  search: it ends after so many times the tokens
    that were chosen for the greedy output; 0 decodes greedily.

    Is sent float32 logits of shape (wanted offsets, n_vocab); they are read before the next step is yielded.
    Tokens that the grammar forces are never sampled: they ride along in the next pass, and so do drafted ones as long
    as they pay. Drafts change nothing of the output. Raises OutOfRoom when the context ends before the greedy output.
    """
    writer = _Writer(matcher, prompt, at, room, drafter, overhead, greedy=not search)
    best = yield from writer.write(_Way(), None)
    assert best, "the greedy output has no bound to fall below"
    writer.most = writer.chosen * (1 + search)
    tried = 0
    while writer.chosen < writer.most and writer.others and writer.others[0] < best:
        best = (yield from writer.write(heapq.heappop(writer.others), best)) or best
        tried += 1
    return Decoded(best.output, writer.passes, writer.drafted, writer.accepted, tuple(best.sure), tried)


@dataclass(order=True)
class _Way:
    """An output, or its beginning.

    unlikely: minus its log probability, in nats; what it goes on to is no likelier.  sure: that of each token.
    number: of equally likely ones the first comes first."""

    unlikely: float = 0.0
    number: int = 0
    output: list[int] = field(default_factory=list, compare=False)
    sure: list[float] = field(default_factory=list, compare=False)


class _Writer:
    """Writes one output after another, each from where it parts from the one before: in the matcher and in the cache.

    others: ways that were not taken, a heap; none where greedy.  chosen: tokens that were not forced; `most` end the
    search."""

    def __init__(
        self,
        matcher: Matcher,
        prompt: Sequence[int],
        at: int,
        room: int,
        drafter: Drafter | None,
        overhead: float,
        *,
        greedy: bool,
    ) -> None:
        self.others: list[_Way] = []
        self.passes = self.drafted = self.accepted = self.chosen = 0
        self.most = math.inf
        self._matcher = matcher
        self._prompt = prompt
        self._at = at
        self._room = room
        self._drafter = drafter
        self._overhead = overhead
        self._greedy = greedy
        self._consumed: list[int] = []  # by the matcher
        self._cached: list[int] = []  # behind the prompt
        self._numbers = itertools.count(1)

    def write(self, way: _Way, best: _Way | None) -> Generator[Step, Logits, _Way | None]:
        """Go on from a way to a whole output, greedily; None where it is no longer likelier than the best one, or has
        no room, or the search ends. Ways that it does not take are put with the others."""
        matcher = self._matcher
        same = _shared(self._consumed, way.output)
        matcher.rollback(len(self._consumed) - same)
        matcher.consume_tokens(way.output[same:])
        self._consumed = way.output
        # Tokens of it that stay in the cache. The last one is fed again even where a draft had it: its logits are gone.
        held = min(_shared(self._cached, way.output), max(0, len(way.output) - 1))
        while self._worth(way, best):
            forced = _consume_forced(matcher)
            way.output += forced
            way.sure += [0.0] * len(forced)
            if matcher.is_error():
                raise BadRecord("The grammar stopped the record.", value=matcher.get_error())
            if matcher.is_stopped():
                return way
            at, pending = self._at + len(self._prompt) + held, way.output[held:]
            if not self.passes:
                at, pending = self._at, [*self._prompt, *pending]
            free = self._room - at - len(pending)
            if free < 0 and best:
                return None
            if free < 0:
                raise OutOfRoom(
                    "The context ended before the record did.",
                    value=f"{at + len(pending)} tokens",
                    allowed=f"{self._room} tokens",
                    next="raise the task's limits.context, or tighten the record's bounds",
                )
            draft = _draft(matcher, self._guess(way, best), self._overhead, min(free, MAX_DRAFT))
            fed = [token for group in draft for token in group]
            self.drafted += len(fed)
            want = [len(pending) - 1]
            for group in draft:
                want.append(want[-1] + len(group))
            rows = yield Step(at, [*pending, *fed], want)
            self.passes += 1
            self._cached = [*way.output, *fed]
            held = len(way.output)
            for group, logits in zip([*draft, []], rows, strict=True):
                if matcher.is_stopped() or not self._worth(way, best):
                    break
                token = choose(matcher, logits)
                self._take(way, token, log_probabilities(logits), best)
                if not group or token != group[0]:
                    matcher.consume_token(token)
                    break
                matcher.consume_tokens(group)
                way.output += group[1:]
                way.sure += [0.0] * (len(group) - 1)
                self.accepted += len(group)
                held += len(group)
        return None

    def _worth(self, way: _Way, best: _Way | None) -> bool:
        return best is None or (way < best and self.chosen < self.most)

    def _guess(self, way: _Way, best: _Way | None) -> Iterable[tuple[int, float]]:
        if not self._drafter:
            return []
        return (best and _like(best.output, way.output)) or self._drafter.guess(way.output)

    def _take(self, way: _Way, token: int, each: Logits, best: _Way | None) -> None:
        """Go on with this token; of the rest, what can still win is kept for later. each: log probabilities of all."""
        self.chosen += 1
        least = way.unlikely - best.unlikely if best else -math.inf
        for other in () if self._greedy else _others(self._matcher, each, token, least):
            sure = float(each[other])
            beside = _Way(way.unlikely - sure, next(self._numbers), [*way.output, other], [*way.sure, sure])
            heapq.heappush(self.others, beside)
        way.output.append(token)
        way.sure.append(float(each[token]))
        way.unlikely -= way.sure[-1]


def _others(matcher: Matcher, each: Logits, chosen: int, least: float) -> list[int]:
    """Tokens that the grammar admits beside the chosen one, likelier than `least` and not FAINT."""
    least = max(least, math.log(FAINT))
    if 1 - math.exp(each[chosen]) <= math.exp(least):  # no room for one
        return []
    return [
        token
        for token in np.flatnonzero(each > least).tolist()
        if token != chosen and matcher.validate_tokens([token]) == 1
    ]


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """With how many tokens both begin."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _consume_forced(matcher: Matcher) -> list[int]:
    forced = matcher.compute_ff_tokens()
    if forced:
        matcher.consume_tokens(forced)
    return forced


def _like(other: Sequence[int], output: Sequence[int]) -> list[tuple[int, float]]:
    """How another output goes on behind where it was like this one last: one that differs in a value is mostly like it
    again after that."""
    end = output[-LIKE:]
    found = (at for at in range(len(other), LIKE - 1, -1) if other[at - LIKE : at] == end)
    return [(token, CERTAIN) for token in other[next(found, len(other)) :]]


def _draft(matcher: Matcher, guess: Iterable[tuple[int, float]], overhead: float, room: int) -> list[list[int]]:
    """What of the guess pays, in groups: a token to choose, then those that it forces. The matcher is left as it was.

    A guess is a chain of doubtful tokens, each followed by others that are all but certain once it is right. Feeding
    such a link of n tokens saves a pass with the probability p that it and all before it are right, and wastes n
    tokens otherwise: it is worth it when p * overhead > (1 - p) * n.
    """
    links: list[tuple[float, list[list[int]]]] = []
    consumed = 0
    right = 1.0
    forced: list[int] = []  # by the last group, still to be met in the guess
    for token, probability in guess:
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


def log_probabilities(logits: Logits) -> Logits:
    """Of each token, in nats, before the grammar has its say: where it has to overrule the student, they are low."""
    below: Logits = logits - logits.max()
    below -= np.log(np.exp(below).sum())
    return below
