"""Fakes for the decoder and the harness: a byte tokenizer, an engine that counts every position, and random tasks.

Knows nothing of llama.cpp. Where the real engine would answer a mistake with nonsense, this one fails.
"""

from __future__ import annotations

import datetime
import enum
import itertools
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Annotated, Any, Literal

import numpy as np
from hypothesis import strategies as st
from llguidance import LLTokenizer
from pydantic import BaseModel, Field, create_model

from boardwright.device.engines.base import N_BATCH, ContextFull, Feed, Logits
from boardwright.schemas.fields import Items, Number, Text, Verbatim
from boardwright.schemas.prompt import END, TURN

BYTES = LLTokenizer("byte")
# Two of the byte tokenizer's own special tokens stand in for the marks of ChatML.
MARKS = {TURN: 258, END: BYTES.eos_token}

Student = Callable[[Sequence[int]], Logits]


def tokenize(text: str, special: bool) -> list[int]:
    if not special:
        return list(text.encode("utf-8"))
    for mark, token in MARKS.items():
        if mark in text:
            before, after = text.split(mark, 1)
            return [*tokenize(before, True), token, *tokenize(after, True)]
    return list(text.encode("utf-8"))


def detokenize(tokens: Sequence[int]) -> bytes:
    marks = {token: mark.encode() for mark, token in MARKS.items()}
    return b"".join(marks.get(token) or bytes([token]) for token in tokens)


BEGIN = tokenize(f"{END}\n{TURN}assistant\n", True)


def noise(seed: int) -> Student:
    """A student that wants something else in every context, and the same on every run."""

    def logits(context: Sequence[int]) -> Logits:
        rng = np.random.default_rng([seed, zlib.crc32(np.array(context, np.int32).tobytes())])
        return rng.standard_normal(BYTES.vocab_size, np.float32)

    return logits


def _answer(context: Sequence[int]) -> int:
    """Where the answer begins."""
    return next(i for i in range(len(context), 0, -1) if list(context[i - len(BEGIN) : i]) == BEGIN)


def wants(outputs: Mapping[str, str], otherwise: str | None = None) -> Student:
    """A student that wants exactly this output for each document, and that for any other one."""

    def logits(context: Sequence[int]) -> Logits:
        at = _answer(context)
        prompt, written = detokenize(context[: at - len(BEGIN)]).decode(), len(context) - at
        known = (output for document, output in outputs.items() if prompt.endswith("\n\n" + document))
        found = next(known, otherwise)
        assert found is not None, f"no output for {prompt!r}"
        wanted = found.encode()
        row = np.zeros(BYTES.vocab_size, np.float32)
        row[wanted[written] if written < len(wanted) else BYTES.eos_token] = 20  # all but certain
        return row

    return logits


def torn(outputs: Mapping[str, float]) -> Student:
    """A student that wants each of these outputs so often, whatever the document."""

    def logits(context: Sequence[int]) -> Logits:
        written = bytes(context[_answer(context) :])
        odds = np.full(BYTES.vocab_size, 1e-9, np.float32)
        for output, share in outputs.items():
            if output.encode().startswith(written):
                odds[[*output.encode(), BYTES.eos_token][len(written)]] += share
        row: Logits = np.log(odds / odds.sum())
        return row

    return logits


class FakeEngine:
    """Keeps the cache of each sequence as a list, and refuses what llama.cpp would silently get wrong."""

    pass_cost = 7.0
    kernels = "none"

    def __init__(self, student: Student, *, n_ctx: int = 4096, n_sequences: int = 2) -> None:
        self.n_vocab = BYTES.vocab_size
        self.n_ctx = n_ctx
        self.n_sequences = n_sequences
        self.cache: list[list[int]] = [[] for _ in range(n_sequences)]
        self.passes: list[list[Feed]] = []
        self.closed = False
        self._student = student
        self._lent: list[Logits] = []

    def forward(self, feeds: Sequence[Feed]) -> list[Logits]:
        assert not self.closed
        assert feeds, "a pass without tokens"
        assert len({feed.sequence for feed in feeds}) == len(feeds), "a sequence twice in a pass"
        assert sum(len(feed.tokens) for feed in feeds) <= N_BATCH, "more tokens than a batch holds"
        for lent in self._lent:
            lent[:] = np.nan  # whoever still reads the last pass's logits gets nothing of use
        self.passes.append([Feed(f.sequence, f.at, tuple(f.tokens), tuple(f.want)) for f in feeds])
        self._lent = [self._feed(feed) for feed in feeds]
        return self._lent

    def _feed(self, feed: Feed) -> Logits:
        assert 0 <= feed.sequence < self.n_sequences
        assert feed.tokens and all(0 <= token < self.n_vocab for token in feed.tokens)
        assert list(feed.want) == sorted(set(feed.want)) and all(0 <= i < len(feed.tokens) for i in feed.want)
        cache = self.cache[feed.sequence]
        assert 0 <= feed.at <= len(cache), f"position {feed.at} after a cache of {len(cache)}: a gap"
        if feed.at + len(feed.tokens) > self.n_ctx:
            raise ContextFull(f"{feed.at} + {len(feed.tokens)} tokens in a context of {self.n_ctx}")
        cache[feed.at :] = feed.tokens
        rows = [self._student(cache[: feed.at + offset + 1]) for offset in feed.want]
        return np.stack(rows) if rows else np.empty((0, self.n_vocab), np.float32)

    def copy(self, source: int, target: int, until: int) -> None:
        assert source != target
        assert until <= len(self.cache[source]), "a copy of positions that were never computed"
        self.cache[target] = self.cache[source][:until]

    def tokenize(self, text: str, special: bool) -> list[int]:
        return tokenize(text, special)

    def detokenize(self, tokens: Sequence[int]) -> bytes:
        return detokenize(tokens)

    def close(self) -> None:
        self.closed = True


# Quotes, backslashes, controls and characters of one to four bytes; "n" and "u" so that an escape could be mistaken.
LETTERS = 'abn0u -/"\\\x7f\u00e9\u2028\u6f22\U0001f600'
SOLID = "".join(letter for letter in LETTERS if not letter.isspace())
CONTROLS = "\n\t\r\x00\x1f"

texts = st.text(LETTERS, min_size=1, max_size=12)
documents = st.tuples(st.text(LETTERS + CONTROLS, max_size=20), st.sampled_from(SOLID), st.text(LETTERS + CONTROLS))
documents_of_text = documents.map("".join)


@dataclass(frozen=True)
class Kind:
    """One kind of field.  values: JSON values that are valid for it, given the document."""

    annotation: Any
    values: Callable[[str], st.SearchStrategy[Any]]


def copied(document: str, most: int) -> st.SearchStrategy[str]:
    """Pieces of a document, each on one line, without white space around them."""
    starts = [i for i, character in enumerate(document) if character >= " " and not character.isspace()]

    def piece(start: int, length: int) -> str:
        return "".join(itertools.takewhile(lambda c: c >= " ", document[start : start + length])).rstrip()

    return st.builds(piece, st.sampled_from(starts), st.integers(1, most))


def _choice(values: list[str], as_enum: bool) -> Kind:
    closed = enum.Enum("Choice", {f"V{i}": v for i, v in enumerate(values)}) if as_enum else Literal[tuple(values)]
    return Kind(closed, lambda document: st.sampled_from(values))


def _int(a: int, b: int) -> Kind:
    low, high = sorted((a, b))
    return Kind(Annotated[int, Field(ge=low, le=high)], lambda document: st.integers(low, high))


def _number(number: Number) -> Kind:
    most = 10 ** (number.digits + number.places) - 1
    units = st.integers(-most if number.signed else 0, most)
    # An exact context: the default one would round after 28 digits, and up to a digit too many.
    exact = Context(prec=number.digits + number.places + 1)
    values = units.map(lambda unit: f"{Decimal(unit).scaleb(-number.places, exact):.{number.places}f}")
    return Kind(Annotated[Decimal, number], lambda document: values)


def _list(item: Kind, most: int) -> Kind:
    limited = Annotated[list[item.annotation], Items(most)]  # type: ignore[name-defined]
    return Kind(limited, lambda document: st.lists(item.values(document), max_size=most))


def _nullable(inner: Kind) -> Kind:
    return Kind(inner.annotation | None, lambda document: st.none() | inner.values(document))


def _object(fields: Sequence[Kind]) -> Kind:
    named = {f"f{i}": field for i, field in enumerate(fields)}
    model = create_model("Nested", **{name: (field.annotation, ...) for name, field in named.items()})  # type: ignore[call-overload]
    return Kind(
        model,
        lambda document: st.fixed_dictionaries({name: field.values(document) for name, field in named.items()}),
    )


numbers = st.builds(Number, digits=st.integers(1, 30), places=st.integers(0, 4), signed=st.booleans())
bounds = st.integers(-20, 20) | st.integers(-(2**53), 2**53)
days = st.dates(datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)).map(str)
leaves = st.one_of(
    st.integers(1, 12).map(
        lambda n: Kind(Annotated[str, Text(n)], lambda document: st.text(LETTERS, min_size=1, max_size=n))
    ),
    st.integers(1, 12).map(lambda n: Kind(Annotated[str, Verbatim(n)], lambda document: copied(document, n))),
    st.builds(_choice, st.lists(texts, min_size=1, max_size=4, unique=True), st.booleans()),
    st.just(Kind(bool, lambda document: st.booleans())),
    st.builds(_int, bounds, bounds),
    st.just(Kind(datetime.date, lambda document: days)),
    st.builds(_number, numbers),
)
kinds = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(_nullable),
        st.builds(_list, inner, st.integers(0, 3)),
        st.lists(inner, min_size=1, max_size=3).map(_object),
    ),
    max_leaves=5,
)
records = st.lists(kinds, min_size=1, max_size=4).map(_object)


def model_of(kind: Kind) -> type[BaseModel]:
    model: type[BaseModel] = kind.annotation
    return model
