"""A row is trained on only if nothing speaks against it; if something does, the report says which one thing."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel

from boardwright.build.validators import BALANCE_FROM, COPIES_FROM, LEARN_FROM, Rejection, Validators
from boardwright.schemas.errors import BadTask
from boardwright.schemas.examples import Example, read_examples
from boardwright.schemas.fields import Grounded, Text, Verbatim
from boardwright.schemas.task import Checks, Limits, Task, load_task
from tests.build.bills import GOLD, Bill, bill
from tests.build.planted import plant

RECEIPTS = Path(__file__).parents[3] / "shared" / "data" / "receipts"


class Ticket(BaseModel):
    kind: Literal["bug", "question"]
    customer: Annotated[str, Verbatim(30)] | None
    opened: Annotated[datetime.date, Grounded()] | None
    note: Annotated[str, Text(80)] | None


BILLS = Task("bills", Bill, "Read it.")
TASK = Task("tickets", Ticket, "Read it.", limits=Limits(context=512))


def row(number: int = 0, **record: Any) -> Example:
    """Documents with little in common, each of a customer of its own."""
    words = " ".join(str((number + 1) * 7919 + k * 104_729) for k in range(9))
    filled = {"kind": "bug", "customer": f"Firm {words.split()[0]}", "opened": "2026-03-02", "note": None} | record
    return Example(f"r{number}", f"Bug of Firm {words} since 2 March 2026", filled)


def reason(example: Example, held_out: list[Example] | None = None, **checks: Any) -> str:
    rejection = Validators(TASK, held_out or [], Checks(**checks)).check(example)
    return f"{rejection.reason} {rejection.path}".strip() if rejection else ""


class TestOneRow:
    def test_a_good_row_passes(self) -> None:
        assert reason(row()) == ""

    @pytest.mark.parametrize(
        ("record", "expected"),
        [
            ({"kind": "rant"}, "schema kind"),
            ({"opened": "2.3.2026"}, "schema opened"),
            ({"customer": " Firm 7919 "}, "schema customer"),  # not the canonical form
            ({"customer": "Firm 4711"}, "grounding customer"),
            ({"opened": "2026-03-03"}, "grounding opened"),
            ({"note": "since 3 March 2026"}, "grounding note"),
            ({"note": "it fails since March"}, ""),
        ],
    )
    def test_its_record(self, record: dict[str, Any], expected: str) -> None:
        assert reason(row(**record)) == expected

    @pytest.mark.parametrize(
        ("checks", "expected"),
        [
            ({"required": ("note",)}, "required note"),
            ({"required": ("customer",)}, ""),
            ({"min_chars": 1000}, "length"),
            ({"max_chars": 20}, "length"),
            ({"in_text": ("kind",)}, ""),
        ],
    )
    def test_what_its_task_asks_for(self, checks: dict[str, Any], expected: str) -> None:
        assert reason(row(), **checks) == expected

    def test_a_closed_set_is_held_to_the_document_where_the_task_says_so(self) -> None:
        assert reason(row(kind="question")) == ""
        assert reason(row(kind="question"), in_text=("kind",)) == "grounding kind"

    def test_numbers_of_a_normal_form_are_not_held_against_it(self) -> None:
        rewritten = row(note="since 3 March 2026")
        assert reason(rewritten) == "grounding note"
        assert reason(rewritten, rewritten=("note",)) == ""
        assert reason(
            replace(rewritten, record={**rewritten.record, "customer": "Firm 4711"}), rewritten=("note",)
        ) == ("grounding customer")

    def test_its_language(self) -> None:
        german = replace(
            row(), text=row().text + " und wir bitten Sie, das nicht mit der Post zu schicken, auch wird es"
        )
        assert reason(german, languages=("de", "en")) == ""
        assert reason(german, languages=("en",)) == "language"
        with pytest.raises(BadTask, match="unknown language"):
            reason(german, languages=("elvish",))

    def test_a_document_that_no_context_can_hold(self) -> None:
        endless = replace(row(), text=row().text + " and so on" * 500)
        assert reason(endless) == "length"
        in_windows = replace(TASK, limits=Limits(context=512, windows=True))
        assert Validators(in_windows).check(endless) is None


class TestRowsTogether:
    def test_a_copy_of_a_held_out_document_is_a_leak(self) -> None:
        near = replace(row(), id="near", text=row().text + " !", record=row().record | {"note": "other"})
        assert reason(near, [row()]) == "leak"

    def test_the_same_document_again_is_a_duplicate(self) -> None:
        validators = Validators(TASK)
        assert validators.check(row()) is None
        again = validators.check(replace(row(), id="again", text=row().text.upper() + " 9"))
        assert again is not None and (again.reason, again.path) == ("duplicate", "")
        assert "r0" in again.detail

    def test_a_row_that_was_turned_away_is_nothing_to_compare_with(self) -> None:
        validators = Validators(TASK)
        assert validators.check(row(customer="Firm 4711")) is not None
        assert validators.check(row()) is None

    def test_after_a_restart_admitted_rows_are_known_again(self) -> None:
        validators = Validators(TASK)
        validators.admit(row())
        again = validators.check(replace(row(), id="again"))
        assert again is not None and again.reason == "duplicate"

    def test_a_value_that_takes_more_than_its_share_waits_for_others(self) -> None:
        validators = Validators(TASK, options=Checks(most_of_one=0.8, most_null=1.0))
        found = [validators.check(row(number)) for number in range(BALANCE_FROM + 20)]
        assert found[:BALANCE_FROM] == [None] * BALANCE_FROM
        assert {(one.reason, one.path) for one in found[BALANCE_FROM:] if one} == {("balance", "kind")}
        for number in range(100, 140):
            assert validators.check(row(number, kind="question")) is None
        assert validators.check(row(200)) is None

    def test_nulls_have_a_largest_share_of_their_own(self) -> None:
        validators = Validators(TASK, options=Checks(most_of_one=1.0, most_null=0.5))
        found = [validators.check(row(number)) for number in range(BALANCE_FROM + 1)]
        assert found[-1] == Rejection("balance", "note", "null in 100.0% of the rows, more than 50%")

    def test_where_a_text_field_holds_copies_an_invented_name_is_seen(self) -> None:
        validators = Validators(TASK, options=Checks(most_of_one=1.0))
        for number in range(COPIES_FROM):
            example = row(number)
            assert validators.check(replace(example, record=example.record | {"note": example.text[:12]})) is None
        misread = row(900)
        assert (
            validators.check(
                replace(misread, record=misread.record | {"note": misread.text[:12].replace("Bug", "Bvg")})
            )
            is None
        )
        found = validators.check(row(901, note="Quixotic Gadgets"))
        assert found is not None and (found.reason, found.path) == ("grounding", "note")


def test_every_planted_row_is_turned_away_for_the_right_reason() -> None:
    """Fifty of each kind among 1,900 good invoices, of which hardly any is turned away with them."""
    task = load_task("invoice")
    generate = task.documents()
    assert generate is not None
    rows, held_out = list(islice(generate(1, "train"), 2000)), list(islice(generate(9, "valid"), 80))
    planted = plant(task, rows, held_out, 50, seed=1)
    validators = Validators(task, held_out, learn=False)
    found = {example.id: validators.check(example) for example, _ in planted} | validators.review()
    reasons = Counter((bad, one.reason if (one := found[example.id]) else "") for example, bad in planted)
    bad = {pair: count for pair, count in reasons.items() if pair[0]}
    assert bad == {(kind, kind): 50 for kind in ("value", "grounding", "duplicate", "leak")}
    good = sum(count for pair, count in reasons.items() if not pair[0])
    assert good == 1900 and reasons["", ""] > 0.94 * good


def test_values_are_doubted_while_rows_come_once_there_are_enough_to_learn_from() -> None:
    validators = Validators(BILLS, GOLD)
    for number in range(LEARN_FROM):
        assert validators.check(bill(number)) is None
    found = validators.check(bill(5000, total="wrong"))
    assert found is not None and (found.reason, found.path) == ("value", "total")
    assert validators.check(bill(5000)) is None


@pytest.mark.skipif(not RECEIPTS.is_dir(), reason="the corpora of ../shared/data are not beside this repository")
def test_real_receipts_are_hardly_ever_said_to_hold_what_is_not_there() -> None:
    task = load_task("receipt")
    held_out = read_examples(RECEIPTS / "valid.jsonl", task.record)
    validators = Validators(task, held_out, learn=False)
    rows = read_examples(RECEIPTS / "train.jsonl", task.record)
    reasons = Counter(one.reason for row in rows if (one := validators.check(row)))
    assert set(reasons) <= {"grounding", "leak", "duplicate"}
    assert reasons["grounding"] <= 0.01 * len(rows)
