"""What is learned from examples lets the decoder guess most of a record that it has not seen."""

from __future__ import annotations

from itertools import islice

from boardwright.build.drafts import learn
from boardwright.device.drafts import RecordGuess
from boardwright.schemas.records import canonical
from boardwright.schemas.task import load_task

TASK = load_task("invoice")


def test_unseen_vendors_and_layouts_are_mostly_guessed() -> None:
    documents = TASK.documents()
    assert documents is not None
    train, held_out = list(islice(documents(1, "train"), 300)), list(islice(documents(1, "valid"), 60))
    model = learn(TASK.shape, train, held_out[:30])
    assert set(model.sharpness) == set(TASK.record.model_fields)
    right = total = 0
    for example in held_out[30:]:
        output = canonical(TASK.record.model_validate(example.record)).encode()
        one = RecordGuess(TASK.shape, model, example.text, lambda part: list(part.encode()), bytes)
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
