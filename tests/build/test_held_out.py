"""A check tells what greedy decoding would write, without writing most of it; and it costs little."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from transformers import AutoTokenizer

from boardwright.build.completion import Row, completion, encode_all
from boardwright.build.held_out import LEAST, READING, SHARE, TIMES, WRITING, HeldOut, loops, plan
from boardwright.build.lora import load_bare, load_student
from boardwright.build.precision import mixed
from boardwright.schemas.examples import Example
from boardwright.schemas.fields import Text
from boardwright.schemas.task import Limits, Task, Training

pytestmark = pytest.mark.filterwarnings("ignore")


class Mail(BaseModel):
    kind: Literal["bill", "offer", "other"]
    about: Annotated[str, Text(12)] | None


TASK = Task("mail", Mail, "Sort the mail.", limits=Limits(context=320))
EXAMPLES = [
    Example("a", "Invoice 12 from ACME", {"kind": "bill", "about": "ACME"}),
    Example("b", "Rechnung 7 von Müller & Söhne", {"kind": "bill", "about": None}),
    Example("c", "total 12.50 EUR, take it", {"kind": "offer", "about": "total 12.50"}),
]


@pytest.fixture(scope="module")
def model(tiny: Path) -> Any:
    """An adapter that has learnt EXAMPLES[0] and [1] by heart, and not the third."""
    student = load_student(tiny, Training(rank=8, seed=1), 0, "cpu")
    rows = rows_of(tiny, EXAMPLES[:2])
    optimizer = torch.optim.AdamW([one for one in student.parameters() if one.requires_grad], lr=5e-3)
    for _, row in itertools.product(range(60), rows):
        ids, labels = (torch.tensor([row[name]]) for name in ("input_ids", "labels"))
        with mixed("cpu"):
            student(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return student


def rows_of(checkpoint: Path, examples: Sequence[Example]) -> list[Row]:
    return encode_all(TASK, examples, AutoTokenizer.from_pretrained(checkpoint))


def held_out(checkpoint: Path, examples: Sequence[Example] = EXAMPLES, longest: int = 0) -> HeldOut:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    rows = rows_of(checkpoint, examples)
    return HeldOut(TASK, examples, rows, tokenizer, len(rows), longest, tokens_per_pass=100)


def written(model: Any, row: Row, most: int) -> list[int]:
    """What greedy decoding writes for a document, from its prompt alone."""
    prompt = row["input_ids"][: len(row["input_ids"]) - len(completion(row))]
    model.eval()
    with torch.no_grad(), mixed("cpu"):
        ids = model.generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=most,
            do_sample=False,
            eos_token_id=completion(row)[-1],
            pad_token_id=completion(row)[-1],
        )
    tokens: list[int] = ids[0, len(prompt) :].tolist()
    return tokens


def test_exact_records_are_known_without_writing_them(model: Any, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [written(model, row, 60) == completion(row) for row in rows_of(tiny, EXAMPLES)] == [True, True, False]
    check = held_out(tiny).look(model, 9)
    assert check.step == 9 and check.exact == pytest.approx(2 / 3)
    asked = []
    generate = type(model).generate

    def counted(self: Any, **given: Any) -> Any:
        asked.append(len(given["input_ids"]))
        return generate(self, **given)

    monkeypatch.setattr(type(model), "generate", counted)
    check = held_out(tiny, EXAMPLES[:2]).look(model, 9)
    assert (check.exact, check.records, check.fields) == (1.0, 1.0, 1.0)
    assert asked == []
    held_out(tiny).look(model, 9)
    assert asked == [1]  # the third one alone


def test_what_is_written_is_what_greedy_decoding_writes(model: Any, tiny: Path) -> None:
    """Its beginning was read off the gold record, several documents in one pass with padding between them."""
    others = [Example(str(n), text, EXAMPLES[2].record) for n, text in enumerate(["12.50", "ACME Ltd, EUR 7", "u"])]
    asked = held_out(tiny, [*EXAMPLES, *others], longest=40)
    model.eval()
    with torch.no_grad():
        *_, begun = asked._read(model)
        outputs = asked._write(model, begun)
    for row, output in zip(rows_of(tiny, [*EXAMPLES, *others]), outputs, strict=True):
        alone = written(model, row, 40)
        # Batches of other shapes round otherwise, and a near-tie may fall the other way.
        assert output[:4] == alone[:4]
    assert outputs[:2] == [completion(row) for row in rows_of(tiny, EXAMPLES[:2])]


def test_an_untrained_student_writes_no_record_and_that_is_told(tiny: Path) -> None:
    student = load_student(tiny, Training(rank=4), 0, "cpu")
    check = held_out(tiny).look(student, 0)
    assert (check.exact, check.records, check.fields) == (0.0, 0.0, 0.0)
    assert check.too_long >= 2
    assert 4 < check.loss < 12 and 0.9 < check.missed < 1
    assert student.training


def test_where_nothing_is_to_be_written_only_the_loss_is_had(model: Any, tiny: Path) -> None:
    rows = rows_of(tiny, EXAMPLES)
    check = HeldOut(TASK, EXAMPLES, rows, AutoTokenizer.from_pretrained(tiny), 0, 0, 100).look(model, 1)
    assert (check.records, check.fields, check.too_long) == (None, None, 0)
    assert check.exact == pytest.approx(2 / 3)


tokens = st.lists(st.integers(0, 3), max_size=6)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(2, 9), tokens, tokens)
def test_a_run_that_comes_over_and_over_is_seen(
    run: list[int], times: int, before: list[int], after: list[int]
) -> None:
    if times >= TIMES and times * len(run) >= LEAST:
        assert loops([*before, *(run * times), *after])


def test_records_that_only_look_alike_do_not_loop() -> None:
    assert not loops([])
    assert not loops([1] * (LEAST - 1))
    assert not loops([token for n in range(20) for token in (1, 2, 3, n, 4)])  # a list of objects


def row(prompt: int, record: int) -> Row:
    return {"input_ids": [1] * (prompt + record), "labels": [-100] * prompt + [1] * record}


@given(
    st.integers(1, 3000),
    st.integers(1, 8),
    st.lists(st.tuples(st.integers(20, 500), st.integers(2, 90)), min_size=1, max_size=40),
)
def test_checks_are_spread_evenly_and_pay_their_way(steps: int, batch: int, shape: list[tuple[int, int]]) -> None:
    rows = [row(*one) for one in shape]
    training_tokens = steps * batch * sum(map(sum, shape)) // len(shape)
    looks = plan(steps, training_tokens, rows)
    assert looks.steps[-1] == steps and list(looks.steps) == sorted(set(looks.steps))
    gaps = [b - a for a, b in zip((0, *looks.steps), looks.steps, strict=False)]
    assert max(gaps) - min(gaps) <= 1
    assert min(len(rows), 32) <= looks.documents <= 512
    read = READING * sum(len(one["input_ids"]) for one in rows[: looks.documents])
    write = WRITING * max(len(completion(one)) for one in rows[: looks.documents])
    if looks.written:
        assert len(looks.steps) * (read + write) <= SHARE * training_tokens
    else:
        assert len(looks.steps) == 1  # too short a training to write anything: one loss, at its end


def test_a_real_training_of_invoices_is_looked_at_several_times() -> None:
    looks = plan(525, 2100 * 205, [row(140, 65)] * 80)
    assert len(looks.steps) >= 3 and 32 <= looks.documents < 48 and looks.written == 8


def test_records_of_a_few_tokens_are_looked_at_by_the_hundreds() -> None:
    looks = plan(2300, 36800 * 40, [row(36, 4)] * 3100)
    assert len(looks.steps) == 8 and looks.documents > 400


def test_a_student_without_an_adapter_is_asked_like_one_with_one(tiny: Path) -> None:
    adapted = load_student(tiny, Training(), 0, "cpu")  # a fresh adapter adds nothing
    told = [held_out(tiny).look(one, 0) for one in (load_bare(tiny, torch.float32), adapted)]
    assert told[0].loss == pytest.approx(told[1].loss, rel=0.02)
