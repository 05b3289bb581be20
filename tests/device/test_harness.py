"""The harness: documents in, valid records out, in order, whatever the student wants and however many share a pass."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, create_model

from boardwright.device.harness import Harness, Result
from boardwright.schemas.errors import BadDocument, BadRecord, KitError
from boardwright.schemas.examples import Example
from boardwright.schemas.fields import Items, Text, Verbatim
from boardwright.schemas.prompt import END
from boardwright.schemas.shape import least_bytes, shape_of
from boardwright.schemas.task import Limits, Task
from tests.device.fakes import (
    BYTES,
    MARKS,
    FakeEngine,
    Kind,
    Student,
    documents_of_text,
    model_of,
    noise,
    records,
    tokenize,
    torn,
    wants,
)


class Ticket(BaseModel):
    customer: Annotated[str, Verbatim(20)] | None
    kind: Literal["bug", "question"]
    opened: datetime.date | None


TICKET = Task("ticket", Ticket, "Read the ticket.")


def harness(student: Student, task: Task = TICKET, slots: int = 1) -> Harness:
    return Harness(task, FakeEngine(student, n_ctx=task.limits.context, n_sequences=slots + 1), BYTES)


def engine_of(one: Harness) -> FakeEngine:
    assert isinstance(one.engine, FakeEngine)
    return one.engine


def outcome(result: Result | KitError) -> object:
    """What of a result must not depend on who shared its passes."""
    if isinstance(result, KitError):
        return type(result), result.what
    return result.record, result.tokens, result.prompt_tokens, result.passes, result.ways, result.spans


class TestRecord:
    def test_is_what_the_student_wants(self) -> None:
        one = harness(wants({"Ann Lee: it fails": '{"customer":"Ann Lee","kind":"bug","opened":null}'}))
        result = one.extract("Ann Lee: it fails")
        assert result.record == Ticket(customer="Ann Lee", kind="bug", opened=None)
        assert result.spans == {"customer": (0, 7)}

    def test_is_valid_whatever_the_student_wants(self) -> None:
        one = harness(wants({"Ann fails": "I am sorry, but I cannot do that."}))
        record = one.extract("Ann fails").record
        assert Ticket.model_validate(record.model_dump()) == record

    def test_holds_no_invented_name(self) -> None:
        one = harness(wants({"Ann Lee: it fails": '{"customer":"Ann Leeds","kind":"bug","opened":null}'}))
        record = one.extract("Ann Lee: it fails").record
        assert isinstance(record, Ticket) and record.customer is not None
        assert record.customer.startswith("Ann Lee") and record.customer in "Ann Lee: it fails"

    def test_spans_point_at_the_first_occurrence_in_characters(self) -> None:
        text = "Größe 😀 Ann, Ann"
        one = harness(wants({text: '{"customer":"Ann","kind":"bug","opened":null}'}))
        assert one.extract(text).spans == {"customer": (8, 11)}

    def test_counts_tokens_and_passes(self) -> None:
        output = '{"customer":null,"kind":"question","opened":"2026-02-03"}'
        one = harness(wants({"When?": output}))
        result = one.extract("When?")
        prefix, rest = one.prompt_ids("When?")
        assert (result.tokens, result.prompt_tokens) == (len(output), len(prefix) + len(rest))
        assert result.passes == len(engine_of(one).passes) - 1 < result.tokens  # the first was the prefix's
        timing = result.timing
        assert 0 < timing.prefill < timing.total and 0 < timing.decode < timing.total


class TestOtherWays:
    def test_are_tried_where_the_student_is_in_doubt_but_not_for_lists(self) -> None:
        class Tags(BaseModel):
            tags: Annotated[list[Literal["late", "lost"]], Items(2)]

        bugs = [f'{{"customer":null,"kind":"bug","opened":{day}}}' for day in ("null", '"2026-01-02"')]
        doubt = torn(dict.fromkeys(bugs, 0.3) | {'{"customer":null,"kind":"question","opened":null}': 0.4})
        result = harness(doubt).extract("a ticket")
        assert result.record == Ticket(customer=None, kind="question", opened=None) and result.ways == 1
        doubt = torn({'{"tags":["late"]}': 0.3, '{"tags":["late","lost"]}': 0.3, '{"tags":[]}': 0.4})
        result = harness(doubt, Task("tags", Tags, "Read.")).extract("a ticket")
        assert result.record != Tags(tags=[]) and result.ways == 0
        certain = wants({}, '{"customer":null,"kind":"bug","opened":null}')
        assert harness(certain).extract("a ticket").ways == 0


class TestConventions:
    def test_a_value_in_doubt_is_written_as_its_neighbour_has_it(self) -> None:
        learnt = [
            Example(str(n), f"{shop}\nTOTAL RM {n}.00", {"total": f"RM {n}.00" if shop == "BAKER" else f"{n}.00"})
            for n in range(10, 30)
            for shop in [("BAKER", "GARAGE")[n % 2]]
        ]

        class Bill(BaseModel):
            total: Annotated[str, Text(10, printed=True)]

        task = Task("bill", Bill, "Read.", neighbour=True).having_learnt(learnt)
        text = "BAKER\nTOTAL RM 5.00"
        certain = wants({text: '{"total":"5.00"}'})
        assert harness(certain, task).extract(text).record == Bill(total="5.00")
        assert harness(lambda context: certain(context) * np.float32(0.1), task).extract(text).record == Bill(
            total="RM 5.00"
        )


class TestPrompt:
    def test_the_prefix_is_computed_once(self) -> None:
        one = harness(noise(1))
        prefix, _ = one.prompt_ids("")
        for text in ("first", "second"):
            one.extract(text)
        [first, *others] = engine_of(one).passes
        assert first[0].tokens == tuple(prefix)
        assert all(feed.at >= len(prefix) for feeds in others for feed in feeds)

    def test_a_document_that_spells_the_end_of_turn_stays_a_document(self) -> None:
        one = harness(noise(1))
        one.extract(f"one {END} two")
        prefix, _ = one.prompt_ids("")
        fed = engine_of(one).cache[1][len(prefix) :]
        assert bytes(fed[: len(f"one {END} two")]) == f"one {END} two".encode()
        assert fed.count(MARKS[END]) == 1  # the prompt's own, after the document


class TestMany:
    @settings(max_examples=60, deadline=None)
    @given(records, st.lists(documents_of_text, max_size=6), st.integers(1, 4), st.integers(0, 2**32))
    def test_sharing_passes_changes_no_record(self, kind: Kind, texts: list[str], slots: int, seed: int) -> None:
        record = create_model("Record", decided=(bool, ...), inner=(model_of(kind), ...))
        task = Task("any", record, "Read.", limits=Limits(context=4096))
        alone = harness(noise(seed), task)
        one_by_one = [outcome(result) for text in texts for result in alone.extract_many([text])]
        together = [outcome(result) for result in harness(noise(seed), task, slots).extract_many(texts)]
        assert together == one_by_one

    def test_they_do_share_passes(self) -> None:
        texts = [f"ticket {i}" for i in range(12)]
        counts = []
        for slots in (1, 4):
            one = harness(noise(5), slots=slots)
            list(one.extract_many(texts))
            counts.append(len(engine_of(one).passes))
        assert counts[1] < counts[0] / 2

    def test_fewer_slots_on_demand(self) -> None:
        one = harness(noise(5), slots=4)
        list(one.extract_many(["a", "b", "c"], slots=2))
        assert max(len(feeds) for feeds in engine_of(one).passes) == 2

    @pytest.mark.parametrize("slots", [1, 3])
    def test_reads_no_further_than_it_has_slots(self, slots: int) -> None:
        read: list[int] = []

        def endless() -> Iterator[str]:
            for i in range(10**9):
                read.append(i)
                yield f"ticket {i}"

        results = harness(noise(2), slots=slots).extract_many(endless())
        for taken in range(1, 5):
            next(results)
            # All slots but the one just freed may have moved on while the first in line took its time.
            assert len(read) <= 6 * slots + taken
        assert read[:3] == [0, 1, 2]

    def test_a_run_that_was_left_early_leaves_nothing_behind(self) -> None:
        one = harness(noise(3), slots=2)
        next(one.extract_many(["a", "b", "c"]))
        assert outcome(one.extract("c")) == outcome(harness(noise(3)).extract("c"))

    def test_of_nothing_is_nothing(self) -> None:
        assert list(harness(noise(1)).extract_many([])) == []


class TestErrors:
    TIGHT = Task(
        "tight", create_model("Record", value=(Annotated[str, Text(40)], ...)), "Read.", limits=Limits(context=120)
    )

    @pytest.mark.parametrize("slots", [1, 2, 3])
    def test_stand_in_their_place_and_the_others_go_on(self, slots: int) -> None:
        outputs = {"short": '{"value":"fits"}', "wide": '{"value":"' + "漢" * 40 + '"}'}
        texts = ["short", "", "wide", "x" * 500, " \n", "short"]
        results = list(harness(wants(outputs), self.TIGHT, slots).extract_many(texts))
        kinds = [type(result) for result in results]
        assert kinds == [Result, BadDocument, Result, BadDocument, BadDocument, Result]
        assert [str(r.where) for r in results if isinstance(r, BadDocument)] == [
            "document 2",
            "document 4",
            "document 5",
        ]

    def test_a_document_too_long_says_how_long_it_may_be(self) -> None:
        with pytest.raises(BadDocument, match="longer than the context") as raised:
            harness(noise(1), self.TIGHT).extract("x" * 500)
        allowed = int(str(raised.value.allowed).split(maxsplit=1)[0])
        suffix = tokenize(self.TIGHT.prompt("").suffix, True)
        longest = "x" * (allowed - len(suffix))
        one = harness(wants({longest: '{"value":"' + "y" * 40 + '"}'}), self.TIGHT)
        assert one.extract(longest).tokens == len('{"value":"') + 40 + len('"}')
        with pytest.raises(BadDocument):
            one.extract(longest + "x")

    def test_a_record_of_many_bytes_a_letter_is_begun_again_within_bounds_that_fit(self) -> None:
        one = harness(wants({"wide": '{"value":"' + "漢" * 40 + '"}'}), self.TIGHT)
        result = one.extract("wide")
        value = result.record.model_dump()["value"]
        assert set(value) == {"漢"} and 0 < len(value) < 40
        assert result.prompt_tokens + result.tokens <= self.TIGHT.limits.context

    @pytest.mark.parametrize("slots", [1, 2])
    def test_bounds_that_fit_may_leave_no_choice(self, slots: int) -> None:
        record = create_model("Record", tags=(Annotated[list[Annotated[str, Text(8)]], Items(1)], ...))
        room = len("wide") + 400 - harness(noise(1), Task("tags", record, "Read.", limits=Limits(400))).document_room
        task = Task("tags", record, "Read.", limits=Limits(context=room))
        outputs = {"wide": '{"tags":["' + "漢" * 8 + '"]}', "thin": '{"tags":["a"]}'}
        wide, thin = harness(wants(outputs), task, slots).extract_many(["wide", "thin"])
        assert isinstance(wide, Result) and wide.record.model_dump() == {"tags": []}
        assert isinstance(thin, Result) and thin.record.model_dump() == {"tags": ["a"]}

    def test_a_document_of_control_characters(self) -> None:
        with pytest.raises(BadDocument, match="nothing but control characters"):
            harness(noise(1)).extract("\x00\x01")

    def test_one_that_the_record_model_refuses_is_never_handed_out(self) -> None:
        class Picky(BaseModel):
            kind: Literal["bug", "question"]

            def model_post_init(self, context: object) -> None:
                if self.kind == "bug":
                    raise ValueError("no bugs here")

        one = harness(wants({"fails": '{"kind":"bug"}', "how": '{"kind":"question"}'}), Task("picky", Picky, "Read."))
        refused, fine = one.extract_many(["fails", "how"])
        assert isinstance(refused, BadRecord) and "no bugs here" in refused.what
        assert isinstance(fine, Result)


@settings(deadline=None)
@given(records, documents_of_text, st.integers(0, 99), st.integers(0, 60), st.sampled_from([1, 3]))
def test_any_budget_gives_a_valid_record(kind: Kind, document: str, seed: int, more: int, slots: int) -> None:
    record = model_of(kind)
    budget = least_bytes(shape_of(record)) + more
    task = Task("any", record, "Read.", limits=Limits(context=4096, output=budget))
    for result in harness(noise(seed), task, slots).extract_many([document] * slots):
        assert isinstance(result, Result), result
        assert result.tokens <= budget
        assert record.model_validate_json(result.record.model_dump_json()) == result.record


def test_closing_it_closes_the_engine() -> None:
    one = harness(noise(1))
    one.close()
    assert engine_of(one).closed
