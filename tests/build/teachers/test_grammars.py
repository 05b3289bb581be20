"""What is decoded here is held to its answer, row by row, and chance belongs to the row."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import numpy as np
import pytest
from llguidance import LLTokenizer
from pydantic import BaseModel

from boardwright.build.prompts import document_schema
from boardwright.build.teachers.base import Question
from boardwright.schemas.errors import BadDocument
from boardwright.schemas.fields import Verbatim
from boardwright.schemas.shape import shape_of

# Imports torch, as all of Outlines does.
grammars = pytest.importorskip("boardwright.build.teachers.grammars", reason="needs outlines")

BYTES = LLTokenizer("byte")


class Ticket(BaseModel):
    kind: Literal["bug", "question"]
    customer: Annotated[str, Verbatim(20)]


def question(document: str = "Ada: help", temperature: float = 0.0, seed: int = 0) -> Question:
    return Question("q", "", {}, shape_of(Ticket), document, 100, temperature, seed)


def answer(asked: Question, seed: int = 1) -> str:
    """What a model comes up with that wants something else in every step."""
    row = grammars.Row(asked, BYTES)
    wishes = np.random.default_rng(seed)
    out = b""
    while True:
        token = int(row.held(wishes.standard_normal(BYTES.vocab_size).astype(np.float32)).argmax())
        if token == BYTES.eos_token:
            return out.decode()
        out += bytes([token])
        row.consume(token)


@pytest.mark.parametrize("seed", range(5))
def test_any_model_writes_a_record_of_its_document(seed: int) -> None:
    record = Ticket.model_validate_json(answer(question(), seed))
    assert record.customer in "Ada: help"


def test_rows_of_one_batch_have_documents_of_their_own() -> None:
    rows = [grammars.Row(question(text), BYTES) for text in ("xx", "yyy")]
    held = grammars.Held(rows, "numpy")
    ids = np.zeros((2, 1), np.int64)
    rng = np.random.default_rng(0)
    outs = [b"", b""]
    for _ in range(80):
        logits = held(ids, rng.standard_normal((2, BYTES.vocab_size)).astype(np.float32))
        ids = logits.argmax(axis=1)[:, None]
        outs = [out + bytes([int(one)]) if one < 256 else out for out, [one] in zip(outs, ids, strict=True)]
    first, second = (json.loads(out)["customer"] for out in outs)
    assert set(first) == {"x"}
    assert set(second) == {"y"}


def test_a_warm_answer_is_its_seed_s() -> None:
    assert answer(question(temperature=1.0, seed=4)) == answer(question(temperature=1.0, seed=4))
    assert len({answer(question(temperature=1.0, seed=seed)) for seed in range(8)}) > 1


def test_chance_keeps_to_the_odds() -> None:
    """Of two tokens with odds of 3 to 1, the likelier comes three times in four; a hopeless one never."""
    schema = {"type": "object", "properties": {"a": {"enum": ["x", "y", "z"]}}, "required": ["a"]}
    drawn = []
    for seed in range(400):
        row = grammars.Row(Question("q", "", schema, None, "", 9, 1.0, seed), BYTES)
        for byte in b'{"a":"':
            row.consume(byte)
        logits = np.full(BYTES.vocab_size, -20.0, np.float32)
        logits[ord("x")], logits[ord("y")], logits[ord("z")] = np.log(3), 0.0, np.log(0.1)
        drawn.append(chr(int(row.held(logits).argmax())))
    assert drawn.count("x") / 400 == pytest.approx(0.75, abs=0.07)
    assert "z" not in drawn


def test_a_document_is_held_to_its_schema() -> None:
    asked = Question("q", "", document_schema(30), None, "", 100)
    text = json.loads(answer(asked))["document"]
    assert 1 <= len(text) <= 30


def test_nothing_to_copy_from() -> None:
    with pytest.raises(BadDocument):
        grammars.Row(question("\n\t"), BYTES)
