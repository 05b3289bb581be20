"""A gold set: documents from all over the pile, decisions that last, and what they say of the proposals."""

from __future__ import annotations

import json
import zlib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from boardwright.build.gold_set import GoldSet, Proposal, Tally, spread
from boardwright.schemas.errors import BadExample, KitError
from boardwright.schemas.examples import read_examples
from boardwright.schemas.fields import Number
from boardwright.schemas.task import Task


class Ticket(BaseModel):
    kind: Literal["bug", "question"]
    price: Annotated[Decimal, Number()] | None


TASK = Task("ticket", Ticket, "Read it.")
BUG: dict[str, Any] = {"kind": "bug", "price": None}
QUESTION: dict[str, Any] = {"kind": "question", "price": "2.00"}


def one(name: str, record: dict[str, Any] | None = None) -> Proposal:
    return Proposal(name, f"Document of the name {name}", record, "a teacher")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gold.jsonl"


class TestDecisions:
    def test_are_examples_as_soon_as_they_are_made(self, path: Path) -> None:
        gold = GoldSet(path, TASK)
        gold.decide(one("a", BUG), BUG)
        assert [(e.id, e.record) for e in read_examples(path, Ticket)] == [("a", BUG)]
        gold.decide(one("b", BUG), QUESTION)
        gold.decide(one("c", BUG), None)
        assert [e.id for e in read_examples(path, Ticket)] == ["a", "b"]

    def test_are_found_again_in_their_order(self, path: Path) -> None:
        gold = GoldSet(path, TASK)
        for proposal, record in (
            (one("a", BUG), BUG),
            (one("b", BUG), None),
            (one("c", BUG), QUESTION),
            (one("d"), BUG),
        ):
            gold.decide(proposal, record)
        again = GoldSet(path, TASK)
        assert [(d.proposal.id, d.kind) for d in again.decisions] == [
            ("a", "accepted"), ("b", "skipped"), ("c", "corrected"), ("d", "filled in"),
        ]  # fmt: skip
        assert again.decisions == gold.decisions

    def test_undo_goes_back_through_both_files_and_sessions(self, path: Path) -> None:
        gold = GoldSet(path, TASK)
        gold.decide(one("a", BUG), BUG)
        gold.decide(one("b", BUG), None)
        gold.decide(one("c", BUG), QUESTION)
        undone = []
        while last := GoldSet(path, TASK).undo():
            undone.append((last.proposal, last.record))
        assert undone == [(one("c", BUG), QUESTION), (one("b", BUG), None), (one("a", BUG), BUG)]
        assert GoldSet(path, TASK).decisions == []

    def test_a_document_is_not_shown_twice_whatever_it_is_called(self, path: Path) -> None:
        gold = GoldSet(path, TASK)
        pile = [one("a", BUG), one("b", BUG), one("c", BUG)]
        gold.decide(pile[0], BUG)
        gold.decide(pile[1], None)
        renamed = Proposal("x", pile[0].text.upper() + "  ", BUG)
        assert GoldSet(path, TASK).waiting([renamed, *pile], 30) == [pile[2]]
        assert GoldSet(path, TASK).waiting(pile, 2) == []

    def test_an_id_of_another_document_is_refused(self, path: Path) -> None:
        gold = GoldSet(path, TASK)
        gold.decide(one("a", BUG), BUG)
        with pytest.raises(BadExample, match="has this id"):
            gold.waiting([Proposal("a", "something else")], 30)

    def test_what_a_person_wrote_into_the_file_stays(self, path: Path) -> None:
        own = {"id": "own", "text": "mine", "record": BUG, "note": "by hand"}
        path.write_text(json.dumps(own) + "\n", encoding="utf-8")
        gold = GoldSet(path, TASK)
        gold.decide(one("a", BUG), BUG)
        assert json.loads(path.read_text(encoding="utf-8").splitlines()[0]) == own
        assert gold.undo() is not None and gold.undo() is None
        assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == [own]

    def test_a_file_that_somebody_changes_meanwhile_is_not_overwritten(self, path: Path) -> None:
        first, second = GoldSet(path, TASK), GoldSet(path, TASK)
        first.decide(one("a", BUG), BUG)
        with pytest.raises(KitError, match="changed by somebody else"):
            second.decide(one("b", BUG), BUG)
        assert [e.id for e in read_examples(path, Ticket)] == ["a"]

    def test_a_record_that_contradicts_the_schema_names_its_line(self, path: Path) -> None:
        path.write_text('{"id": "a", "text": "t", "record": {"kind": "rant", "price": null}}\n', encoding="utf-8")
        with pytest.raises(BadExample, match="fails the schema") as raised:
            GoldSet(path, TASK)
        assert str(raised.value.where).startswith(f"{path}:1 record.kind")

    def test_the_tally_compares_as_the_task_does(self, path: Path) -> None:
        gold = GoldSet(path, TASK)
        gold.decide(one("a", {"kind": "bug", "price": "2"}), {"kind": "bug", "price": "2.00"})
        gold.decide(one("b", BUG), QUESTION)
        gold.decide(one("c", BUG), None)
        gold.decide(one("d"), BUG)
        assert gold.tally() == Tally(
            {"accepted": 0, "corrected": 2, "filled in": 1, "skipped": 1}, {"kind": (1, 2), "price": (1, 2)}
        )


words = st.text("abcdefgh ", min_size=1, max_size=30).filter(str.strip)


class TestSpread:
    @given(st.lists(words, min_size=1, max_size=10), st.integers(1, 12), st.integers(0, 5))
    def test_as_many_as_asked_in_order_and_none_twice(self, texts: list[str], count: int, seed: int) -> None:
        pile = [Proposal(str(at), text) for at, text in enumerate(texts)]
        drawn = spread(pile, count, seed)
        distinct = {one.key for one in pile}
        assert len(drawn) == len({one.key for one in drawn}) == min(count, len(distinct))
        assert [int(one.id) for one in drawn] == sorted(int(one.id) for one in drawn)
        assert spread(pile, count, seed) == drawn

    def test_every_stretch_of_the_pile_has_its_document(self) -> None:
        pile = [one(f"{at:03} {zlib.crc32(b'%d' % at) ** 3}") for at in range(100)]
        assert [int(one.id[:3]) // 10 for one in spread(pile, 10, 7)] == list(range(10))
        assert spread(pile, 10, 7) != spread(pile, 10, 8)

    def test_near_duplicates_come_last(self) -> None:
        letter = "Dear all, the printer on the second floor is on fire again, please send somebody, thank you, no. "
        others = [one("one of its own"), one("quite another"), one("nothing like those")]
        pile = [*(Proposal(str(at), f"{letter}{at}") for at in range(20)), *others]
        drawn = [one.id for one in spread(pile, 4, 7)]
        assert len([id for id in drawn if id.isdecimal()]) < 4
