"""Redaction: what was found is gone wherever it stands, all else is as it was, and in doubt there is no text at all."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice, pairwise
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from boardwright.device import natural
from boardwright.device.confidence import Calibration
from boardwright.device.harness import Harness
from boardwright.device.redact import (
    Span,
    Withheld,
    found_by,
    leaks,
    listing_of,
    occurrences,
    redaction_scores,
    replaced,
    score_redaction,
    united,
)
from boardwright.device.rules import findings
from boardwright.device.windows import windows
from boardwright.schemas.errors import BadDocument, BadTask
from boardwright.schemas.examples import Example
from boardwright.schemas.fields import Items, Verbatim
from boardwright.schemas.records import spell
from boardwright.schemas.task import Limits, Task, load_task
from tests.device.fakes import BYTES, FakeEngine, Student, noise, wants


class Item(BaseModel):
    text: Annotated[str, Verbatim(17)]
    kind: Literal["name", "place"]


class Message(BaseModel):
    items: Annotated[list[Item], Items(3)]


TASK = Task("letter", Message, "Read.", limits=Limits(context=600, windows=True))
SURE = Calibration(1.0, 0.0, 0.3, ())


def harness(student: Student, task: Task = TASK, calibration: Calibration | None = SURE) -> Harness:
    engine = FakeEngine(student, n_ctx=task.limits.context)
    return Harness(task, engine, BYTES, calibration=calibration)


def record(*items: tuple[str, str]) -> str:
    return spell({"items": [{"text": text, "kind": kind} for text, kind in items]})


def sees(outputs: Mapping[str, str]) -> Student:
    """A student that finds nothing in what is left."""
    return wants(outputs, record())


def redacted(text: str, *items: tuple[str, str]) -> natural.Redacted:
    return natural.redact(harness(sees({text: record(*items)})), text)


class TestText:
    def test_what_the_student_finds_and_what_rules_find(self) -> None:
        text = "Ada Lee (mira@lee.example) lives in Cork."
        done = redacted(text, ("Ada Lee", "name"), ("Cork", "place"))
        assert done.text == "[NAME] ([EMAIL]) lives in [PLACE]."
        assert [(text[span.start : span.end], span.kind, span.source) for span in done.spans] == [
            ("Ada Lee", "name", "model"),
            ("mira@lee.example", "email", "rule"),
            ("Cork", "place", "model"),
        ]
        assert done.confidence == pytest.approx(0.5, abs=0.01)  # certain to the student, which is worth 1 / (1 + e⁰)

    def test_every_occurrence_goes(self) -> None:
        text = "Ada Lee: I am ADA LEE.\nCall Ada\nLee. Lee's car. Adage and lee side stay."
        assert redacted(text, ("Ada Lee", "name")).text == (
            "[NAME]: I am [NAME].\nCall [NAME]. [NAME]'s car. Adage and lee side stay."
        )

    def test_a_known_half_of_a_name_takes_the_other_along(self) -> None:
        text = "A. Lee asks. Call Ada Lee or Ada Ray of Cork, Lee Road. Lee."
        assert redacted(text, ("A. Lee", "name")).text == (
            "[NAME] asks. Call [NAME] or Ada Ray of Cork, [NAME] Road. [NAME]."
        )
        assert redacted(text, ("Ada Lee", "name")).text == (
            "[NAME] asks. Call [NAME] or [NAME] of Cork, [NAME] Road. [NAME]."
        )

    def test_a_document_without_any_stays_as_it_is(self) -> None:
        done = redacted("The pump leaks.\n")
        assert (done.text, done.spans) == ("The pump leaks.\n", ())

    def test_a_value_at_its_bound_takes_its_line_along(self) -> None:
        text = "Lives at 12 Long Lane in the house behind, Cork\nThe pump leaks."
        assert redacted(text, ("12 Long Lane in", "place")).text == (
            "Lives at [PLACE] the house behind, Cork\nThe pump leaks."
        )
        assert redacted(text, ("12 Long Lane in t", "place")).text == "Lives at [PLACE]\nThe pump leaks."

    def test_overlapping_finds_are_one(self) -> None:
        text = "Mail mira@cork.example now"
        assert redacted(text, ("cork", "place")).spans == (Span(5, 22, "email", "both"),)

    def test_a_number_goes_however_it_is_set(self) -> None:
        text = "Id 448/812-7 or 4488127"
        assert redacted(text, ("448/812-7", "name")).text == "Id [NAME] or [NAME]"


class TestFailsClosed:
    def test_an_unsure_list_withholds_the_document(self) -> None:
        text = "Ada Lee lives in Cork."
        with pytest.raises(Withheld, match="not sure enough") as raised:
            natural.redact(harness(noise(3)), text)
        assert raised.value.exit_code == 1 and "Ada" not in str(raised.value)
        assert isinstance(raised.value.value, float) and 0 <= raised.value.value < 0.5

    def test_the_threshold_can_be_given(self) -> None:
        text = "Ada Lee lives in Cork."
        one = harness(sees({text: record(("Ada Lee", "name"))}))
        assert natural.redact(one, text, threshold=0.4).text == "[NAME] lives in Cork."
        with pytest.raises(Withheld):
            natural.redact(one, text, threshold=0.9)

    def test_a_bundle_that_does_not_tell_withholds(self) -> None:
        text = "Ada Lee lives in Cork."
        one = harness(sees({text: record(("Ada Lee", "name"))}), calibration=None)
        with pytest.raises(Withheld, match="does not tell"):
            natural.redact(one, text)
        with pytest.raises(Withheld):
            natural.redact(one, text, threshold=0.1)
        assert natural.redact(one, text, threshold=0).text == "[NAME] lives in Cork."

    def test_a_document_that_cannot_be_read_has_no_text(self) -> None:
        for text in ("  ", "\udc00"):
            with pytest.raises(BadDocument):
                natural.redact(harness(noise(1)), text)

    def test_a_full_list_is_read_again_in_halves(self) -> None:
        names = ["Ann", "Bob", "Cyd", "Dov", "Eve"]
        text = " met ".join(names) + " in the hall of the old town today."
        seen: dict[str, str] = {}

        def read(piece: str) -> None:
            seen[piece] = record(*[(name, "name") for name in names if name in piece][:3])
            if seen[piece].count("name") >= 3:
                for half in windows(piece, len(piece) * 2 // 3, len):
                    read(piece[half.start : half.end])

        read(text)
        assert len(seen) > 2
        done = natural.redact(harness(sees(seen)), text)
        assert done.text == " met ".join(["[NAME]"] * 5) + " in the hall of the old town today."

    def test_a_list_that_is_full_to_the_last_withholds(self) -> None:
        text = "Ann Bob Cyd Dov"
        with pytest.raises(Withheld, match="more than a record can list"):
            redacted(text, ("Ann", "name"), ("Bob", "name"), ("Cyd", "name"))

    def test_all_windows_of_a_long_document_are_read(self) -> None:
        text = "Ada Lee\n" + "bla bla bla bla\n" * 80 + "Bob Fox and Ada Lee.\n"
        room = harness(noise(1)).document_room
        pieces = [text[one.start : one.end] for one in windows(text, room, len)]
        names = ("Ada Lee", "Bob Fox")
        outputs = {piece: record(*[(name, "name") for name in names if name in piece]) for piece in pieces}
        assert len(pieces) > 2
        done = natural.redact(harness(sees(outputs)), text)
        assert done.text == "[NAME]\n" + "bla bla bla bla\n" * 80 + "[NAME] and [NAME].\n"


class TestFit:
    def test_the_shipped_task_fits(self) -> None:
        assert listing_of(load_task("redaction").shape).field == "items"

    @pytest.mark.parametrize("name", ["invoice", "facts", "questions", "routing", "passages"])
    def test_others_are_refused(self, name: str) -> None:
        with pytest.raises(BadTask, match="does not redact"):
            listing_of(load_task(name).shape)


PLANTED = st.sampled_from(
    [
        "mira@fjord.example",
        "DE89 3704 0044 0532 0130 00",
        "4111 1111 1111 1111",
        "+49 171 2345678",
        "192.168.1.17",
    ]
)
filler = st.text('ab z.,:;-\n"é1', max_size=12)


@given(st.lists(st.tuples(filler, PLANTED), min_size=1, max_size=4), filler, st.data())
def test_no_planted_value_survives_and_nothing_else_changes(
    pieces: list[tuple[str, str]], tail: str, data: st.DataObject
) -> None:
    # White space and brackets around a value, or a filler would make another value of it.
    text = "".join(f"{before} <{value}> " for before, value in pieces) + tail
    starts = data.draw(st.lists(st.integers(0, len(text) - 1), max_size=4))
    spans = [Span(at, min(len(text), at + 1 + at % 7), "name", "model") for at in starts]
    merged = united(text, spans)
    out = replaced(text, merged)
    assert all(value not in out for _, value in pieces)
    assert all(any(span.start <= one.start and one.end <= span.end for span in merged) for one in spans)
    # What stands between the spans is what stood there.
    kept, at = [], 0
    for span in merged:
        kept.append(text[at : span.start])
        at = span.end
    kept.append(text[at:])
    rebuilt = "".join(
        part + mark for part, mark in zip(kept, [f"[{s.kind.upper()}]" for s in merged] + [""], strict=True)
    )
    assert rebuilt == out


@given(st.text("a1@.:-+ 0é[]", max_size=80))
def test_rules_find_nothing_in_what_is_left(text: str) -> None:
    spans = united(text, [])
    left = list(text)
    for span in spans:
        left[span.start : span.end] = "\n" * (span.end - span.start)
    assert all(one.end <= two.start for one, two in pairwise(spans))
    assert replaced(text, ()) == text
    if not spans:
        assert list(findings(text)) == []


@given(st.text("Ab c\n-", min_size=1, max_size=40), st.data())
def test_a_found_value_stands_nowhere_on_its_own(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    value = text[start : start + data.draw(st.integers(1, 8))].strip()
    if not value or "\n" in value:
        return
    spans = united(text, [Span(a, b, "name", "model") for a, b in occurrences(text, value)])
    assert spans, "it was copied from the text"
    assert not any(word == value for word in replaced(text, spans).split())


def test_rules_alone_leak_nothing_that_has_a_form() -> None:
    generate = load_task("redaction").documents()
    assert generate is not None
    formed = ("email", "phone", "account", "card", "id", "address", "birthdate")
    whole = list(islice(generate(11, "valid"), 300))
    examples = [
        Example(one.id, one.text, {"items": [item for item in one.record["items"] if item["kind"] in formed]})
        for one in whole
    ]
    done = [
        natural.Redacted(replaced(example.text, spans), spans, 1.0)
        for example in examples
        for spans in [united(example.text, [])]
    ]
    listing = listing_of(load_task("redaction").shape)
    scores = redaction_scores(listing, examples, done)
    assert scores.planted > 200
    assert scores.leaked == ()
    assert redaction_scores(listing, whole, done).precision > 0.99


def test_a_harness_is_scored_on_examples() -> None:
    gold = {"items": [{"text": "Ada Lee", "kind": "name"}]}
    examples = [
        Example("a", "Ada Lee calls", gold),
        Example("b", "I am Ada Lee", gold),
        Example("c", " ", {"items": []}),
    ]
    outputs = {"Ada Lee calls": record(("Ada Lee", "name")), "I am Ada Lee": record(("am", "name"))}
    scores = score_redaction(harness(sees(outputs)), examples)
    assert (scores.documents, scores.withheld, scores.planted) == (3, 1, 2)
    assert (scores.leaked, scores.precision) == (("Ada Lee",), 0.5)


@pytest.mark.parametrize(
    ("text", "value", "left"),
    [
        ("thea.lee at fjord", "a.lee", "[NAME] at fjord"),
        ("of Bergerstra\u00dfe 4", "Berger", "of [NAME] 4"),
        ("\u6211\u53eb\u738b\u4f1f\u4f4f\u5728", "\u738b\u4f1f", "\u6211\u53eb[NAME]\u4f4f\u5728"),
    ],
)
def test_a_piece_of_a_word_takes_the_word(text: str, value: str, left: str) -> None:
    spans = found_by(listing_of(TASK.shape), [{"text": value, "kind": "name"}], text)
    assert replaced(text, spans) == left


def test_what_a_record_leaks_in_spite_of_rules_and_another_reading() -> None:
    listing = listing_of(TASK.shape)
    gold = {"items": [{"text": "Ada Lee", "kind": "name"}, {"text": "ada@lee.example", "kind": "email"}]}
    text = "Ada Lee <ada@lee.example>"
    blind, late = harness(sees({})), harness(sees({"Ada Lee <it>": record(("Ada Lee", "name"))}))
    assert leaks(blind, listing, text, {"items": []}, gold) == ["Ada Lee"]
    assert leaks(late, listing, text, {"items": []}, gold) == []
    assert leaks(blind, listing, text, {"items": [{"text": "Ada Lee", "kind": "place"}]}, gold) == []


class TestAgain:
    TEXT = "Ada Lee and Kay met in Cork."

    def test_what_a_first_list_left_out_is_found_behind_it(self) -> None:
        outputs = {
            self.TEXT: record(("Ada Lee", "name")),
            "it and Kay met in Cork.": record(("Kay", "name")),
            "it and it met in Cork.": record(("Cork", "place")),
        }
        done = natural.redact(harness(sees(outputs)), self.TEXT)
        assert done.text == "[NAME] and [NAME] met in [PLACE]."
        assert [span.source for span in done.spans] == ["model"] * 3

    def test_there_is_an_end_to_it(self) -> None:
        """A student that always finds one more word reads three times."""
        outputs = {"a1 b2 c3 d4": record(("a1", "name"))} | {
            f"{'it ' * at}{rest}": record((rest[:2], "name")) for at, rest in ((1, "b2 c3 d4"), (2, "c3 d4"), (3, "d4"))
        }
        assert natural.redact(harness(sees(outputs)), "a1 b2 c3 d4").text == "[NAME] [NAME] [NAME] d4"

    def test_what_stands_in_for_a_value_is_none(self) -> None:
        outputs = {self.TEXT: record(("Kay", "name")), "Ada Lee and it met in Cork.": record(("it", "name"))}
        done = natural.redact(harness(sees(outputs)), self.TEXT + " Was it late?")
        assert done.text.endswith("Was it late?")


def test_scores_count_leaks_and_needless_spans() -> None:
    listing = listing_of(TASK.shape)
    gold = {"items": [{"text": "Ada Lee", "kind": "name"}, {"text": "Cork", "kind": "place"}]}
    examples = [Example(str(at), "Ada Lee of Cork", gold) for at in range(3)]
    half = (Span(0, 7, "name", "model"), Span(8, 10, "place", "model"))
    whole = (Span(0, 7, "name", "model"), Span(11, 15, "place", "model"))
    done = [natural.Redacted(replaced("Ada Lee of Cork", spans), spans, 1.0) for spans in (half, whole)]
    scores = redaction_scores(listing, examples, [*done, None])
    assert (scores.documents, scores.withheld, scores.planted) == (3, 1, 6)
    assert scores.leaked == ("Cork",)
    assert scores.precision == 0.75
