"""Long documents: every character is in a window, none is too long, and each field comes from where it stands."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from boardwright.device.harness import Harness, Result
from boardwright.device.windows import windows
from boardwright.schemas.errors import BadDocument, KitError
from boardwright.schemas.fields import Items, Text, Verbatim
from boardwright.schemas.task import Limits, Task
from tests.device.fakes import BYTES, FakeEngine, Student, wants


@given(st.text("ab \n漢", min_size=1, max_size=300), st.integers(4, 60))
def test_windows_cover_the_text_and_fit(text: str, room: int) -> None:
    found = windows(text, room, lambda piece: len(piece.encode()))
    assert found[0].start == 0 and found[-1].end == len(text)
    for one, two in pairwise(found):
        assert one.start < two.start <= one.end < two.end, "a gap, or no way on"
    assert all(len(text[one.start : one.end].encode()) <= room for one in found)


def test_windows_overlap_and_are_cut_between_lines() -> None:
    text = "".join(f"line number {i}\n" for i in range(40))
    found = windows(text, 100, len)
    assert all(text[one.end - 1] == "\n" for one in found)
    assert all(two.start < one.end for one, two in pairwise(found))


def test_a_window_too_small_for_a_character() -> None:
    with pytest.raises(ValueError, match="does not hold a character"):
        windows("漢字", 2, lambda piece: len(piece.encode()))


class Letter(BaseModel):
    sender: Annotated[str, Verbatim(12)] | None
    kind: Literal["bill", "other"]
    tags: Annotated[list[Annotated[str, Text(4)]], Items(3)]


def harness(student: Student, *, allowed: bool = True, slots: int = 1) -> Harness:
    task = Task("letter", Letter, "Read.", limits=Limits(context=400, windows=allowed))
    return Harness(task, FakeEngine(student, n_ctx=400, n_sequences=slots + 1), BYTES)


LONG = "From Ann Lee\n" + "bla bla bla bla\n" * 60 + "It is a bill.\n"


def student_of(text: str, room: int) -> tuple[Student, int]:
    """A student that finds the sender in the first window, and tags in the first and the last."""
    cut = windows(text, room, lambda piece: len(piece.encode()))
    outputs = {}
    for at, one in enumerate(cut):
        sender = '"Ann Lee"' if at == 0 else "null"
        tags = '["a"]' if at == 0 else '["a","b"]' if at == len(cut) - 1 else "[]"
        kind = '"bill"'
        outputs[text[one.start : one.end]] = f'{{"sender":{sender},"kind":{kind},"tags":{tags}}}'
    outputs["short"] = '{"sender":null,"kind":"other","tags":[]}'
    return wants(outputs), len(cut)


@pytest.mark.parametrize("slots", [1, 3])
def test_each_field_comes_from_where_it_stands(slots: int) -> None:
    student, count = student_of(LONG, harness(wants({})).document_room)
    assert count > 2
    one = harness(student, slots=slots)
    short, long, error, again = one.extract_many(["short", LONG, BadDocument("Torn."), "short"], slots=slots)
    assert isinstance(short, Result) and isinstance(again, Result) and isinstance(error, KitError)
    assert isinstance(long, Result) and isinstance(long.record, Letter)
    assert long.record.sender == "Ann Lee" and long.record.tags == ["a", "b"]
    assert long.spans == {"sender": (5, 12)}
    assert long.timing.prefill + long.timing.decode == pytest.approx(long.timing.total, abs=5)  # of all windows
    assert long.tokens > short.tokens and math.isfinite(long.log_probabilities["kind"])


def test_a_single_document_may_be_long_too() -> None:
    student, _ = student_of(LONG, harness(wants({})).document_room)
    record = harness(student).extract(LONG).record
    assert record == Letter(sender="Ann Lee", kind="bill", tags=["a", "b"])


def test_items_that_have_no_room_in_the_list_send_it_to_a_person() -> None:
    cut = windows(LONG, harness(wants({})).document_room, lambda piece: len(piece.encode()))
    outputs = {
        LONG[one.start : one.end]: f'{{"sender":null,"kind":"bill","tags":["a{at}","b{at}"]}}'
        for at, one in enumerate(cut)
    }
    result = harness(wants(outputs)).extract(LONG)
    assert isinstance(result.record, Letter) and result.record.tags[:2] == ["a0", "b0"]
    assert result.escalate == ["tags"]


def test_a_document_that_fails_is_told_by_its_place_among_documents() -> None:
    student, _ = student_of(LONG, harness(wants({})).document_room)
    torn = BadDocument("Torn.", where="b.txt")
    _, given, empty, broken, last = harness(student).extract_many([LONG, torn, " \n" * 400, "3 \ud83d", "short"])
    assert given is torn and torn.where == "b.txt"
    assert isinstance(empty, BadDocument) and (empty.what, empty.where) == ("The document is empty.", "document 3")
    assert isinstance(broken, BadDocument) and "not valid Unicode" in broken.what and broken.where == "document 4"
    assert isinstance(last, Result)


def test_without_leave_a_long_document_is_refused_with_the_way_out() -> None:
    [refused] = harness(wants({}), allowed=False).extract_many([LONG])
    assert isinstance(refused, BadDocument) and "limits.windows" in str(refused.next)
