"""The decoder does what plain greedy decoding under a mask does, token for token, in fewer passes; then it finds the
output that is likelier, if there is one, as a search through all of them would."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher
from pydantic import BaseModel, Field

from boardwright.device.decoder import (
    MAX_DRAFT,
    SEARCH,
    Decoded,
    Drafter,
    Matcher,
    choose,
    decode,
    log_probabilities,
)
from boardwright.device.engines.base import Feed, Logits
from boardwright.device.grammar import Grammars
from boardwright.schemas.errors import BadRecord
from boardwright.schemas.fields import Text
from boardwright.schemas.records import parse
from boardwright.schemas.shape import shape_of
from tests.device.fakes import (
    BEGIN,
    BYTES,
    FakeEngine,
    Kind,
    Student,
    detokenize,
    documents_of_text,
    model_of,
    noise,
    records,
    torn,
    wants,
)

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


def run(
    one: LLMatcher,
    engine: FakeEngine,
    prompt: Sequence[int],
    at: int = 0,
    room: int = 4096,
    drafter: Drafter | None = None,
    overhead: float = 0.0,
    search: float = 0,
) -> Decoded:
    steps = decode(one, prompt, at, room, drafter, overhead, search)
    try:
        step = next(steps)
        while True:
            [logits] = engine.forward([Feed(0, step.at, step.tokens, step.want)])
            step = steps.send(logits)
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


class Prompter:
    """A drafter that knows the output, and is wrong as often as it is told to be."""

    def __init__(self, output: Sequence[int], wrong: float, sure: float, seed: int) -> None:
        self._output = list(output)
        self._wrong = wrong
        self._sure = sure
        self._rng = random.Random(seed)

    def guess(self, output: Sequence[int]) -> Iterator[tuple[int, float]]:
        assert list(output) == self._output[: len(output)]
        for token in self._output[len(output) :]:
            mistaken = self._rng.random() < self._wrong
            yield self._rng.choice([ord("a"), ord('"'), ord(","), 0x80, 258]) if mistaken else token, self._sure


@settings(max_examples=200)
@given(
    records,
    documents_of_text,
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    st.sampled_from([0.3, 0.9, 1.0]),
    st.sampled_from([0.5, 4.0, 1e9]),
)
def test_drafts_change_nothing_but_the_passes(
    kind: Kind, document: str, seed: int, wrong: float, sure: float, overhead: float
) -> None:
    expected, choices = plain(matcher(model_of(kind), document), noise(seed), PROMPT)
    engine = FakeEngine(noise(seed))
    prompter = Prompter(expected, wrong, sure, seed)
    decoded = run(matcher(model_of(kind), document), engine, PROMPT, drafter=prompter, overhead=overhead)
    assert decoded.tokens == expected
    assert decoded.passes == len(engine.passes) <= choices
    assert 0 <= decoded.accepted <= decoded.drafted
    if choices and not wrong and sure == 1.0:
        assert decoded.passes <= 1 + len(expected) // MAX_DRAFT


class TestDrafts:
    def test_are_not_fed_where_being_wrong_costs_more(self) -> None:
        expected, _ = plain(matcher(Ticket), noise(5), PROMPT)
        prompter = Prompter(expected, 0.0, 0.6, 0)
        # A token that is right in 6 of 10 cases saves 0.6 * 0.5 and costs 0.4.
        assert run(matcher(Ticket), FakeEngine(noise(5)), PROMPT, drafter=prompter, overhead=0.5).drafted == 0
        assert run(matcher(Ticket), FakeEngine(noise(5)), PROMPT, drafter=prompter, overhead=5).drafted > 0

    def test_never_past_the_room(self) -> None:
        expected, _ = plain(matcher(Ticket), noise(3), PROMPT)
        decoded = run(matcher(Ticket), FakeEngine(noise(3)), PROMPT)
        needed = len(PROMPT) + len(expected) - trailing(decoded)
        engine = FakeEngine(noise(3), n_ctx=needed)
        prompter = Prompter(expected, 0.0, 1.0, 0)
        assert run(matcher(Ticket), engine, PROMPT, room=needed, drafter=prompter, overhead=9).tokens == expected


class OfOneWay(Prompter):
    """Knows nothing of other ways to write it."""

    def guess(self, output: Sequence[int]) -> Iterator[tuple[int, float]]:
        return super().guess(output) if list(output) == self._output[: len(output)] else iter(())


def sharper(seed: int, by: float = 4.0) -> Student:
    """Noise that leaves a token for doubtful, not all of them."""
    flat = noise(seed)
    return lambda context: by * flat(context)


class Coin(BaseModel):
    side: Literal["heads", "tails", "edge"]
    thrown: bool
    times: Annotated[int, Field(ge=-3, le=40)]


def every(one: LLMatcher, student: Student, prompt: Sequence[int]) -> Iterator[tuple[float, list[int]]]:
    """All outputs and their log probabilities: a mask and a pass for every token of each."""
    ways = [(0.0, list[int]())]
    while ways:
        total, output = ways.pop()
        here = one.deep_copy()
        here.consume_tokens(output)
        if here.is_stopped():
            yield total, output
            continue
        options = allowed(here)
        each = log_probabilities(student([*prompt, *output]))
        ways += [(total + float(each[token]) * (len(options) > 1), [*output, token]) for token in options]


TEXTS = [("bug", "x", 0.28), ("bug", "y", 0.27), ("question", "why", 0.45)]
# A bug, it would say first (0.55); then it hardly knows which one (0.51), and of the question it is sure.
TORN = torn({f'{{"kind":"{kind}","summary":"{text}"}}': odds for kind, text, odds in TEXTS})
ASKED = [*PROMPT, *BEGIN]


@pytest.fixture(scope="class")
def nothing_is_faint() -> Iterator[None]:
    """Of noise the grammar admits little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("boardwright.device.decoder.FAINT", 1e-30)
        yield


@pytest.mark.usefixtures("nothing_is_faint")
class TestTheLikeliest:
    @settings(deadline=None)
    @given(st.integers(0, 2**32), st.sampled_from([0.0, 0.5, 1.0]))
    def test_is_what_a_search_through_all_of_them_finds(self, seed: int, wrong: float) -> None:
        student = sharper(seed)
        total, expected = max(every(matcher(Coin), student, PROMPT))
        prompter = OfOneWay(expected, wrong, 0.9, seed)
        for drafter in (None, prompter):
            decoded = run(matcher(Coin), FakeEngine(student), PROMPT, drafter=drafter, overhead=4, search=math.inf)
            assert decoded.tokens == expected
            assert sum(decoded.log_probabilities) == pytest.approx(total, abs=1e-3)

    @settings(deadline=None)
    @given(records, documents_of_text, st.integers(0, 2**32), st.sampled_from([1.0, 4.0, 16.0]))
    def test_is_no_less_likely_than_the_greedy_one(self, kind: Kind, document: str, seed: int, by: float) -> None:
        greedy = run(matcher(model_of(kind), document), FakeEngine(sharper(seed, by)), PROMPT)
        engine = FakeEngine(sharper(seed, by))
        decoded = run(matcher(model_of(kind), document), engine, PROMPT, search=SEARCH)
        parse(model_of(kind), detokenize(decoded.tokens).decode())
        assert greedy.ways == 0
        assert greedy.passes <= decoded.passes == len(engine.passes) <= greedy.passes * (1 + SEARCH)
        if decoded.tokens == greedy.tokens:
            assert decoded.log_probabilities == greedy.log_probabilities
        else:
            assert sum(decoded.log_probabilities) > sum(greedy.log_probabilities) and decoded.ways

    @settings(deadline=None)
    @given(records, documents_of_text, st.integers(0, 2**32), st.sampled_from([0.0, 0.3]))
    def test_does_not_hang_on_drafts(self, kind: Kind, document: str, seed: int, wrong: float) -> None:
        plainly = run(matcher(model_of(kind), document), FakeEngine(sharper(seed)), PROMPT, search=SEARCH)
        prompter = OfOneWay(plainly.tokens, wrong, 0.9, seed)
        drafted = run(
            matcher(model_of(kind), document),
            FakeEngine(sharper(seed)),
            PROMPT,
            drafter=prompter,
            overhead=7,
            search=SEARCH,
        )
        assert (drafted.tokens, drafted.log_probabilities, drafted.ways) == (
            plainly.tokens,
            plainly.log_probabilities,
            plainly.ways,
        )

    def test_is_found_where_the_first_doubt_led_astray(self) -> None:
        assert detokenize(run(matcher(Ticket), FakeEngine(TORN), ASKED).tokens).startswith(b'{"kind":"bug"')
        decoded = run(matcher(Ticket), FakeEngine(TORN), ASKED, search=SEARCH)
        assert detokenize(decoded.tokens) == b'{"kind":"question","summary":"why"}'
        assert decoded.ways == 1
        assert sum(decoded.log_probabilities) == pytest.approx(np.log(0.45), abs=0.01)

    def test_is_the_first_one_where_the_student_is_sure(self) -> None:
        sure = wants({}, '{"kind":"bug","summary":"none"}')
        engine = FakeEngine(sure)
        greedy, decoded = (run(matcher(Ticket), engine, ASKED, search=search) for search in (0, SEARCH))
        assert decoded == greedy and decoded.ways == 0

    def test_where_a_way_has_no_room_it_is_given_up(self) -> None:
        greedy = run(matcher(Ticket), FakeEngine(TORN), ASKED)
        room = len(ASKED) + len(greedy.tokens) - trailing(greedy)
        decoded = run(matcher(Ticket), FakeEngine(TORN, n_ctx=room), ASKED, room=room, search=SEARCH)
        assert decoded.tokens == greedy.tokens and decoded.ways == 1

    def test_what_two_ways_share_is_fed_once(self) -> None:
        engine = FakeEngine(TORN)
        run(matcher(Ticket), engine, ASKED, search=SEARCH)
        begun = len(ASKED) + len('{"kind":"')
        again = [feed for [feed] in engine.passes if feed.at == begun]
        assert [bytes(feed.tokens[:1]) for feed in again] == [b"b", b"q"]
        assert all(feed.at >= begun for [feed] in engine.passes[1:])


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
        decoded = run(matcher(Only), engine, PROMPT)
        assert (decoded.tokens, decoded.passes) == (list(b'{"kind":"bug"}'), 0)
        assert set(decoded.log_probabilities) == {0.0}
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
