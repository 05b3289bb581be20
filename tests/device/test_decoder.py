"""The decoder does what plain greedy decoding under a mask does, token for token, in fewer passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llguidance import LLMatcher
from pydantic import BaseModel

from boardwright.device.decoder import Decoded, Matcher, choose, decode
from boardwright.device.engines.base import Feed, Logits
from boardwright.device.grammar import Grammars
from boardwright.schemas.errors import BadRecord
from boardwright.schemas.fields import Text
from boardwright.schemas.records import parse
from boardwright.schemas.shape import shape_of
from tests.device.fakes import BYTES, FakeEngine, Kind, Student, detokenize, documents_of_text, model_of, noise, records

PROMPT = list(b"Read it.\n\nA document\n")


class Ticket(BaseModel):
    kind: Literal["bug", "question"]
    summary: Annotated[str, Text(12)] | None


def matcher(record: type[BaseModel], document: str = "A document") -> LLMatcher:
    return Grammars(shape_of(record), BYTES).matcher(document)


def allowed(one: LLMatcher) -> list[int]:
    bits = np.unpackbits(np.frombuffer(one.compute_bitmask(), np.uint8), bitorder="little")
    return [int(token) for token in np.flatnonzero(bits)]


def plain(one: LLMatcher, student: Student, prompt: Sequence[int]) -> tuple[list[int], int]:
    """The reference: a mask and a pass for every token. Returns the output and how often there was a choice."""
    output: list[int] = []
    choices = 0
    while not one.is_stopped():
        logits, options = student([*prompt, *output]), allowed(one)
        choices += len(options) > 1
        output.append(max(options, key=lambda token: logits[token]))
        assert one.consume_token(output[-1])
    return output, choices


def run(one: LLMatcher, engine: FakeEngine, prompt: Sequence[int], at: int = 0, room: int = 4096) -> Decoded:
    steps = decode(one, prompt, at, room)
    try:
        step = next(steps)
        while True:
            [logits] = engine.forward([Feed(0, step.at, step.tokens, [len(step.tokens) - 1])])
            step = steps.send(logits[0])
    except StopIteration as stop:
        decoded: Decoded = stop.value
        return decoded


@given(records, documents_of_text, st.integers(0, 2**32))
def test_the_output_is_that_of_plain_greedy_decoding(kind: Kind, document: str, seed: int) -> None:
    expected, choices = plain(matcher(model_of(kind), document), noise(seed), PROMPT)
    engine = FakeEngine(noise(seed))
    decoded = run(matcher(model_of(kind), document), engine, PROMPT)
    assert decoded.tokens == expected
    # What the grammar leaves no choice about is never asked of the student.
    assert decoded.passes == len(engine.passes) == choices <= len(decoded.tokens)
    parse(model_of(kind), detokenize(decoded.tokens).decode())


@given(st.integers(0, len(PROMPT) - 1), st.integers(0, 99))
def test_what_is_in_the_cache_is_not_fed_again(cached: int, seed: int) -> None:
    engine = FakeEngine(noise(seed))
    if cached:
        engine.forward([Feed(0, 0, PROMPT[:cached], [])])
    decoded = run(matcher(Ticket), engine, PROMPT[cached:], at=cached)
    assert decoded.tokens == plain(matcher(Ticket), noise(seed), PROMPT)[0]
    fed = [token for feeds in engine.passes for feed in feeds for token in feed.tokens]
    assert len(fed) == len(PROMPT) + len(decoded.tokens) - trailing(decoded)


def trailing(decoded: Decoded) -> int:
    """The closing tokens that no logits were needed after: the last choice and what it forced."""
    one = matcher(Ticket)
    last = 0
    for i, token in enumerate(decoded.tokens):
        last = i if len(allowed(one)) > 1 else last
        one.consume_token(token)
    return len(decoded.tokens) - last


class TestForcedTokens:
    def test_they_ride_along_with_the_prompt(self) -> None:
        engine = FakeEngine(noise(1))
        run(matcher(Ticket), engine, PROMPT)
        assert engine.passes[0][0].tokens == (*PROMPT, *b'{"kind":"')

    def test_and_with_the_choice_before_them(self) -> None:
        engine = FakeEngine(noise(1))
        decoded = run(matcher(Ticket), engine, PROMPT)
        kind = detokenize(decoded.tokens)[len('{"kind":"') :][:1]
        rest = {b"b": b'bug","summary":', b"q": b'question","summary":'}[kind]
        assert engine.passes[1][0].tokens == tuple(rest)

    def test_a_record_without_any_choice_takes_no_pass(self) -> None:
        class Only(BaseModel):
            kind: Literal["bug"]

        engine = FakeEngine(noise(1))
        assert run(matcher(Only), engine, PROMPT) == Decoded(list(b'{"kind":"bug"}'), 0)
        assert not engine.passes


class TestRoom:
    def test_a_record_that_just_fits(self) -> None:
        decoded = run(matcher(Ticket), FakeEngine(noise(3)), PROMPT)
        # The last choice and what follows it need no position: nothing is asked after them.
        needed = len(PROMPT) + len(decoded.tokens) - trailing(decoded)
        assert run(matcher(Ticket), FakeEngine(noise(3)), PROMPT, room=needed) == decoded
        with pytest.raises(BadRecord, match="context ended before the record did"):
            run(matcher(Ticket), FakeEngine(noise(3)), PROMPT, room=needed - 1)

    @given(st.integers(0, 60), st.integers(0, 99))
    def test_never_a_position_past_the_room(self, room: int, seed: int) -> None:
        engine = FakeEngine(noise(seed), n_ctx=room)  # it raises ContextFull, which is not a BadRecord
        try:
            run(matcher(Ticket), engine, PROMPT, room=room)
        except BadRecord as error:
            assert error.allowed == f"{room} tokens"


def test_a_grammar_that_gave_up_is_a_failed_record() -> None:
    broken = matcher(Ticket)
    broken.consume_token(0)
    with pytest.raises(BadRecord, match="The grammar stopped the record"):
        run(broken, FakeEngine(noise(1)), PROMPT)


class TestChoose:
    class Spy:
        """A matcher that counts masks."""

        def __init__(self, one: LLMatcher) -> None:
            self.one = one
            self.masks = 0

        def compute_bitmask(self) -> bytes:
            self.masks += 1
            return self.one.compute_bitmask()

        def validate_tokens(self, tokens: list[int]) -> int:
            return self.one.validate_tokens(tokens)

    @pytest.fixture
    def spy(self) -> TestChoose.Spy:
        one = matcher(Ticket)
        one.consume_tokens(list(b'{"kind":"'))
        return self.Spy(one)

    @staticmethod
    def wanting(**scores: float) -> Logits:
        logits = np.full(BYTES.vocab_size, -5, np.float32)
        for letter, value in scores.items():
            logits[ord(letter)] = value
        return logits

    def test_a_legal_favourite_costs_no_mask(self, spy: TestChoose.Spy) -> None:
        assert choose(cast(Matcher, spy), self.wanting(q=2, b=1)) == ord("q")
        assert spy.masks == 0

    def test_the_best_legal_one_where_the_favourite_is_illegal(self, spy: TestChoose.Spy) -> None:
        assert choose(cast(Matcher, spy), self.wanting(x=9, y=8, b=-3, q=-4)) == ord("b")
        assert spy.masks == 1

    def test_of_equals_the_first(self, spy: TestChoose.Spy) -> None:
        assert choose(cast(Matcher, spy), self.wanting(x=9)) == ord("b")
