"""What is learned from examples lets the decoder guess most of a record that it has not seen."""

from __future__ import annotations

import random
from itertools import islice
from typing import Annotated

import pytest
from pydantic import BaseModel

from boardwright.build.drafts import learn
from boardwright.device.drafts import RecordGuess
from boardwright.schemas.examples import Example
from boardwright.schemas.fields import Text
from boardwright.schemas.records import canonical
from boardwright.schemas.shape import shape_of
from boardwright.schemas.spelling import leaf_names
from boardwright.schemas.task import load_task


@pytest.mark.parametrize("name", ["invoice", "redaction", "triples", "facts"])
def test_what_was_not_seen_is_mostly_guessed(name: str) -> None:
    task = load_task(name)
    documents = task.documents()
    assert documents is not None
    train, held_out = list(islice(documents(1, "train"), 300)), list(islice(documents(1, "valid"), 60))
    model = learn(task.shape, train, held_out[:30])
    assert list(model.sharpness) == leaf_names(task.shape)
    right = total = 0
    for example in held_out[30:]:
        output = canonical(task.record.model_validate(example.record)).encode()
        one = RecordGuess(task.shape, model, example.text, lambda part: list(part.encode()), bytes)
        at = 1
        while at < len(output):
            guessed = [token for token, _ in one.guess(list(output[:at]))]
            pairs = zip(guessed, output[at:], strict=False)
            agreed = next((i for i, (a, b) in enumerate(pairs) if a != b), len(guessed))
            right += agreed
            total += 1
            at += agreed + 1
    # Passes that a decoder of one byte a token would take, where guesses are free, against one for each byte.
    assert total < 0.25 * right


class Shop(BaseModel):
    address: Annotated[str, Text(80, printed=True)] | None


def _shop(rng: random.Random) -> Example:
    street = f"{rng.randint(1, 99)} {rng.choice(['Elm', 'Oak', 'Mill'])} {rng.choice(['Road', 'Street', 'Lane'])}"
    unit = [f"Unit {rng.randint(1, 30)}"] if rng.random() < 0.5 else []
    town = f"{rng.randint(10000, 99999)} {rng.choice(['Ipoh', 'Klang', 'Kajang', 'Segamat'])}"
    after = rng.choice([f"Tel: {rng.randint(100000, 999999)}", f"GST No. {rng.randint(100000, 999999)}"])
    lines = [*unit, street, town]
    return Example("", "\n".join(["Shop", *lines, after, "Total 9.00"]), {"address": " ".join(lines)})


def test_an_address_is_guessed_over_its_lines() -> None:
    rng = random.Random(1)
    shape = shape_of(Shop)
    model = learn(shape, [_shop(rng) for _ in range(200)], [_shop(rng) for _ in range(20)])
    for example in (_shop(rng) for _ in range(20)):
        one = RecordGuess(shape, model, example.text, lambda part: list(part.encode()), bytes)
        guessed = bytes(token for token, _ in one.guess(list(b'{"address":')))
        assert guessed.decode() == canonical(Shop(**example.record))[len('{"address":') :]
