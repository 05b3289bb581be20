"""What the harness does with documents that are long, late, broken or not text. A byte tokenizer, no weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from llguidance import LLTokenizer
from pydantic import BaseModel

from boardwright.device.engines.base import N_BATCH
from boardwright.device.harness import Harness, Result
from boardwright.schemas.errors import BadDocument, KitError
from boardwright.schemas.task import Limits, Task
from tests.conftest import ByteEngine


class Ticket(BaseModel):
    kind: Literal["bug", "question"]
    urgent: bool


TASK = Task("ticket", Ticket, "Read the ticket.", limits=Limits(context=4 * N_BATCH))


@pytest.fixture
def engine() -> ByteEngine:
    return ByteEngine(TASK.limits.context)


@pytest.fixture
def harness(engine: ByteEngine) -> Harness:
    return Harness(TASK, engine, LLTokenizer("byte"))


def prompt_of(text: str) -> bytes:
    prompt = TASK.prompt(text)
    return (prompt.prefix + prompt.document + prompt.suffix).encode()


@pytest.mark.parametrize("length", [N_BATCH - 100, N_BATCH, 2 * N_BATCH + 1])
def test_a_document_longer_than_a_batch_goes_in_piece_by_piece(
    engine: ByteEngine, harness: Harness, length: int
) -> None:
    result = harness.extract("x" * length)
    assert isinstance(result.record, Ticket)
    prompt = prompt_of("x" * length)
    assert any(bytes(held[: len(prompt)]) == prompt for held in engine.cache.values())
    assert engine.largest <= N_BATCH


def test_long_and_short_documents_share_passes(harness: Harness) -> None:
    results = list(harness.extract_many(["x" * 3 * N_BATCH, "short", "y" * N_BATCH, "short"]))
    assert all(isinstance(result, Result) for result in results)
    assert [result.prompt_tokens for result in results if isinstance(result, Result)] == [
        len(prompt_of(text)) for text in ["x" * 3 * N_BATCH, "short", "y" * N_BATCH, "short"]
    ]


def test_a_record_is_handed_out_before_the_next_document_is_asked_for(harness: Harness) -> None:
    asked: list[str] = []

    def documents() -> Iterator[str]:
        for text in ("a", "", "b"):
            asked.append(text)
            yield text

    seen = [len(asked) for _ in harness.extract_many(documents(), slots=1)]
    assert seen == [1, 2, 3]


def test_a_document_that_failed_before_keeps_its_place(harness: Harness) -> None:
    failed = BadDocument("The document is not text.", where="b.txt")
    first, second, third = harness.extract_many(["a", failed, "c"])
    assert isinstance(first, Result)
    assert second is failed
    assert isinstance(third, Result)


def test_half_a_surrogate_pair_is_a_failed_document(harness: Harness) -> None:
    result, other = harness.extract_many(["total: 3 \ud83d", "fine"])
    assert isinstance(result, KitError)
    assert "not valid Unicode" in result.what
    assert isinstance(other, Result)
