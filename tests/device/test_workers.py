"""Many documents on several harnesses: the records, their order and the errors of one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel

from boardwright.device.engines.load import load_engine
from boardwright.device.harness import Harness, Result
from boardwright.device.workers import AHEAD, Workers
from boardwright.schemas.errors import BadDocument, KitError
from boardwright.schemas.task import Limits, Task, load_task

from .fakes import BYTES, FakeEngine, wants


class Note(BaseModel):
    kind: Literal["bug", "question"]


TASK = Task("note", Note, "Read.", limits=Limits(context=256))


def workers(count: int) -> Workers:
    outputs = {f"note {number}": f'{{"kind":"{"bug" if number % 3 else "question"}"}}' for number in range(40)}
    return Workers([Harness(TASK, FakeEngine(wants(outputs), n_ctx=256), BYTES) for _ in range(count)])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_records_come_in_the_order_of_their_documents(count: int) -> None:
    results = list(workers(count).extract_many(f"note {number}" for number in range(40)))
    kinds = [result.record.model_dump()["kind"] for result in results if isinstance(result, Result)]
    assert kinds == ["bug" if number % 3 else "question" for number in range(40)]


def test_an_error_keeps_its_place_and_names_its_document() -> None:
    torn = BadDocument("Torn.", where="page 9")
    results = list(workers(2).extract_many(["note 1", " ", "note 2", torn]))
    assert isinstance(results[0], Result) and isinstance(results[2], Result)
    assert isinstance(results[1], BadDocument) and results[1].where == "document 2"
    assert results[3] is torn and torn.where == "page 9"


def test_an_unexpected_failure_ends_the_run_with_it() -> None:
    class Broken(Exception):
        pass

    def texts() -> Iterator[str | KitError]:
        yield "note 1"
        raise Broken

    made = workers(2)
    with pytest.raises(Broken):
        list(made.extract_many(texts()))
    assert [one for one in made.extract_many(["note 1"]) if isinstance(one, Result)]  # all are free again


def test_only_a_few_documents_are_read_ahead() -> None:
    read = 0

    def texts() -> Iterator[str]:
        nonlocal read
        for number in range(40):
            read += 1
            yield f"note {number}"

    results = workers(2).extract_many(texts())
    next(results)
    assert read <= AHEAD * 2 + 2
    results.close()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_real_twins_give_the_records_of_one(student_gguf: Path) -> None:
    task = load_task("invoice")
    texts = [f"Zytis {number} AG\nRechnung {number}77\nSumme: {number},50 EUR\n" for number in range(1, 7)]
    one = Harness.load(task, student_gguf, threads=1)
    alone = [result.record for result in one.extract_many(texts) if isinstance(result, Result)]
    one.close()
    several = Workers.load(task, student_gguf, 2)
    try:
        together = [result.record for result in several.extract_many(texts) if isinstance(result, Result)]
    finally:
        several.close()
    assert together == alone and len(alone) == len(texts)
    assert threading.active_count() < 8


@pytest.mark.slow
def test_a_twin_shares_the_weights_and_not_the_cache(student_gguf: Path) -> None:
    engine, _ = load_engine(student_gguf, n_ctx=64, threads=1)
    twin = engine.twin()
    assert twin.tokenize("a b", False) == engine.tokenize("a b", False)
    twin.close()
    assert engine.tokenize("a", False)  # the weights are still there
    engine.close()
