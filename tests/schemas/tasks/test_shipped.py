"""Every shipped task with a source of documents: its records are valid, stand in the text, fit, and nothing leaks."""

from __future__ import annotations

import random
import re
from collections import Counter
from functools import cache
from itertools import islice, pairwise
from pathlib import Path

import pytest

from boardwright.build.near import near_duplicates
from boardwright.schemas.compare import fold
from boardwright.schemas.errors import BadDocument
from boardwright.schemas.examples import Example, read_examples
from boardwright.schemas.found import unfounded
from boardwright.schemas.passages import one_line
from boardwright.schemas.shape import longest
from boardwright.schemas.task import load_task, shipped_tasks
from boardwright.schemas.tasks.parts.documents import DIGITS, canonical
from boardwright.schemas.tasks.policy.documents import ALLOWED, ORDER

MANY = {"train": 400, "valid": 100}
# `invoice` has tests of its own; `intents` learns from labelled lines alone.
NAMES = [name for name in shipped_tasks() if name not in ("invoice", "intents")]
DATA = Path(__file__).parents[3] / "../shared/data"
# Of a context, what stays free beside the longest document and the longest record.
MARGIN = 0.05

every = pytest.mark.parametrize("name", NAMES)


@cache
def drawn(name: str, part: str) -> list[Example]:
    generate = load_task(name).documents()
    assert generate is not None
    return list(islice(generate(7, part), MANY[part]))


def both(name: str) -> list[Example]:
    return [*drawn(name, "train"), *drawn(name, "valid")]


def tokens(text: str) -> int:
    """At least as many as a student takes: a token a digit, a mark or white space, and one for each three letters."""
    return sum((len(word) + 2) // 3 if word.isalpha() else len(word) for word in re.findall(r"[^\W\d_]+|.", text, re.S))


@every
def test_records_are_valid_and_as_they_are_written(name: str) -> None:
    model = load_task(name).record
    for example in both(name):
        assert model.model_validate(example.record).model_dump(mode="json") == example.record


@every
def test_every_copied_value_stands_in_its_document(name: str) -> None:
    shape = load_task(name).shape
    assert [example for example in both(name) if any(unfounded(shape, example.record, example.text))] == []


@every
def test_the_longest_document_and_record_fit_the_context(name: str) -> None:
    task = load_task(name)
    prompts = [task.prompt(example.text) for example in both(name)]
    most = max(tokens(prompt.prefix) + tokens(prompt.document) + tokens(prompt.suffix) for prompt in prompts)
    assert most + longest(task.shape) <= (1 - MARGIN) * task.limits.context


@every
def test_the_parts_share_no_document_nor_nearly_one(name: str) -> None:
    train, valid = ([example.text for example in drawn(name, part)] for part in ("train", "valid"))
    assert not any(near_duplicates(train, valid))
    distinct = {fold(text) for text in train}
    assert len(distinct) > 0.9 * len(train), "too few documents: a training would see the same ones again and again"


@every
def test_the_same_seed_and_part_give_the_same_documents(name: str) -> None:
    generate = load_task(name).documents()
    assert generate is not None
    again, other = (list(islice(generate(seed, "train"), 20)) for seed in (7, 8))
    assert again == drawn(name, "train")[:20]
    assert [example.text for example in other] != [example.text for example in again]
    assert len({example.id for example in both(name)}) == sum(MANY.values())


@every
def test_an_unknown_part_is_refused_at_once(name: str) -> None:
    generate = load_task(name).documents()
    assert generate is not None
    with pytest.raises(ValueError, match="test"):
        generate(1, "test")


@pytest.mark.parametrize(
    ("name", "field"), [("routing", "intent"), ("policy", "rule"), ("gesture", "gesture"), ("localisation", "place")]
)
def test_no_value_of_a_closed_set_is_rare(name: str, field: str) -> None:
    values = Counter(example.record[field] for example in drawn(name, "train"))
    closed = load_task(name).record.model_json_schema()["properties"][field]["enum"]
    assert set(values) == set(closed)
    assert min(values.values()) > 0.3 * MANY["train"] / len(closed)


@pytest.mark.parametrize(("name", "field"), [("facts", "facts"), ("triples", "triples"), ("redaction", "items")])
def test_some_documents_hold_nothing_and_some_much(name: str, field: str) -> None:
    counts = Counter(len(example.record[field]) for example in drawn(name, "train"))
    assert counts[0] > 0.03 * MANY["train"]
    assert sum(count for many, count in counts.items() if many >= 3) > 0.2 * MANY["train"]


def test_items_of_a_list_come_in_the_order_of_the_text() -> None:
    for example in both("facts"):
        places = [example.text.index(fact) for fact in example.record["facts"]]
        assert places == sorted(places)


def test_an_answer_stands_in_its_passage_and_a_quarter_has_none() -> None:
    unanswered = 0
    for example in both("passages"):
        passage, answer = example.record["passage"], example.record["answer"]
        assert (passage is None) == (answer is None)
        unanswered += answer is None
        assert answer is None or answer in example.text.splitlines()[passage]
    assert 0.15 < unanswered / len(both("passages")) < 0.35


def test_a_claim_is_decided_by_the_first_rule_that_holds_for_it() -> None:
    for example in both("policy"):
        holding = [name for name in ORDER if example.record[name]]
        assert example.record["rule"] == [*holding, "within_policy"][0]
        assert example.record["allowed"] == (example.record["rule"] in ALLOWED)


@pytest.mark.parametrize(
    ("digits", "decade", "value"), [(47, 3, "4.7k"), (10, -7, "100n"), (33, 0, "3.3"), (82, -5, "82u"), (12, 6, "1.2M")]
)
def test_values_in_normal_form(digits: int, decade: int, value: str) -> None:
    assert digits in DIGITS and canonical(digits, decade) == value


def test_a_gesture_is_read_as_two_rows_of_runs() -> None:
    task = load_task("gesture")
    for example in drawn("gesture", "train"):
        rows = [re.findall("([hml])([0-9]+)", row) for row in task.prompt(example.text).document.split("\n")]
        near, light = (sum(int(count) for _, count in row) for row in rows)
        assert near == light in (50, 51)
        assert all({"h", "l"} <= {level for level, _ in row} for row in rows)
        assert all(one[0] != after[0] for row in rows for one, after in pairwise(row))


def test_the_liveliest_gesture_fits_the_context() -> None:
    task = load_task("gesture")
    text = "\n".join(f"{name}: {[0, 255] * 40}" for name in ("Proximity", "Red", "Green", "Blue"))
    prompt = task.prompt(text)
    assert (
        sum(map(tokens, (prompt.prefix, prompt.document, prompt.suffix))) + longest(task.shape) <= task.limits.context
    )


@pytest.mark.parametrize("text", ["hello", "Proximity: [1, 2]", "Proximity: [1]\nRed: [1, 2]\nGreen: [1]\nBlue: [1]"])
def test_what_is_no_series_is_no_gesture(text: str) -> None:
    with pytest.raises(BadDocument, match="no document of the task"):
        load_task("gesture").prompt(text)


def test_passages_keep_their_length_on_one_line() -> None:
    rng = random.Random(5)
    for _ in range(50):
        text = "".join(rng.choices("a \n\t\u2028\x0b\x00é", k=20))
        assert len(one_line(text)) == len(text) and len(one_line(text).splitlines()) <= 1


@pytest.mark.parametrize("name", ["intents", "gesture", "localisation", "receipts"])
def test_public_corpora_are_documents_of_these_tasks(name: str) -> None:
    valid = DATA / name / "valid.jsonl"
    if not valid.is_file():
        pytest.skip(f"the corpora are not here: {valid}")
    task = load_task(name.replace("receipts", "receipt"))
    examples = read_examples(valid, task.record)
    prompts = [task.prompt(example.text) for example in examples]
    assert len(examples) == len(valid.read_text(encoding="utf-8").splitlines())
    most = max(tokens(prompt.prefix) + tokens(prompt.document) + tokens(prompt.suffix) for prompt in prompts)
    assert most + longest(task.shape) <= task.limits.context
    assert set(task.escalate.get("intent", ())) <= {example.record["intent"] for example in examples if task.escalate}
