"""Golden documents: what a board has to reproduce is what another kernel's rounding leaves alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from boardwright.build.evaluate import SURE, golden_records
from boardwright.schemas.errors import BadDocument
from boardwright.schemas.examples import Example
from boardwright.schemas.task import Task


class Size(BaseModel):
    characters: int


TASK = Task("size", Size, "Count.")
NO_GUESSES: Any = None


class Told:
    """A harness that is as sure of a document as it was told; of one that it was not told of, it fails."""

    def __init__(self, sure: Mapping[str, float], torn: str = "") -> None:
        self.sure = sure
        self.torn = torn
        self.asked: list[str] = []
        self.closed = False

    def prompt_ids(self, text: str) -> tuple[list[int], list[int]]:
        return [1], [len(text)]

    def extract(self, text: str) -> Any:
        self.asked.append(text)
        if text not in self.sure:
            raise BadDocument("It is too long.")
        ways = int(text in self.torn)
        return SimpleNamespace(record=Size(characters=len(text)), least_sure=self.sure[text], ways=ways)

    def close(self) -> None:
        self.closed = True


def golden(told: Told, monkeypatch: pytest.MonkeyPatch, texts: str, most: int = 20, task: Task = TASK) -> list[str]:
    monkeypatch.setattr("boardwright.build.evaluate.Harness.load", lambda *_, **__: told)
    examples = [Example(text, text, {"characters": 1}) for text in texts]
    lines = golden_records(task, Path("model"), NO_GUESSES, examples, most)
    assert told.closed
    assert all(line["prompt_ids"] == [1, 1] and line["record"] == {"characters": 1} for line in lines)
    return [line["id"] for line in lines]


def test_near_ties_are_no_golden_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told({"a": -0.01, "b": math.log(0.53), "d": SURE, "e": -5.0})
    assert golden(told, monkeypatch, "abcde") == ["a", "d"]


def test_what_another_record_was_tried_for_is_no_golden_document(monkeypatch: pytest.MonkeyPatch) -> None:
    assert golden(Told(dict.fromkeys("abc", 0.0), torn="b"), monkeypatch, "abc") == ["a", "c"]


def test_no_more_are_looked_at_than_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(dict.fromkeys("abcde", 0.0))
    assert golden(told, monkeypatch, "abcde", most=2) == ["a", "b"] == told.asked


def test_of_a_student_that_is_never_sure_the_surest_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert golden(Told({"a": -3.0, "b": -0.9, "c": -2.0}), monkeypatch, "abc") == ["b"]
    assert golden(Told({}), monkeypatch, "abc") == []


def test_what_hangs_on_following_a_neighbour_is_no_golden_document(monkeypatch: pytest.MonkeyPatch) -> None:
    class Follows(Task):
        def conformed(self, record: BaseModel, text: str, sure: Mapping[str, float]) -> BaseModel:
            assert not sure
            return Size(characters=0) if text == "b" else record

    told = Told(dict.fromkeys("abc", 0.0))
    assert golden(told, monkeypatch, "abc", task=Follows("size", Size, "Count.")) == ["a", "c"]
