"""Decisions and answers: what is out of scope or unsure goes to a person, and an answer says where it stands."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from boardwright.device import natural
from boardwright.device.answer import fields_of
from boardwright.device.confidence import Calibration
from boardwright.device.harness import Harness
from boardwright.device.natural import Passage, choice_of, passages_of
from boardwright.schemas.errors import BadDocument, BadTask
from boardwright.schemas.examples import Example
from boardwright.schemas.fields import Verbatim
from boardwright.schemas.passages import question_and_passages
from boardwright.schemas.task import Limits, Task, load_task, shipped_tasks
from tests.device.fakes import BYTES, FakeEngine, Student, noise, wants

SURE = Calibration(1.0, 2.0, 0.5, ())


class Wish(BaseModel):
    intent: Literal["book", "cancel", "other"] | None


ROUTES = Task("desk", Wish, "Which?", escalate={"intent": ("other",)}, limits=Limits(context=256))


class Told(BaseModel):
    passage: Annotated[int, Field(ge=1, le=2)] | None
    answer: Annotated[str, Verbatim(20)] | None


ANSWERS = Task("told", Told, "Answer.", limits=Limits(context=320))


def harness(task: Task, student: Student, calibration: Calibration | None = SURE) -> Harness:
    return Harness(task, FakeEngine(student, n_ctx=task.limits.context), BYTES, calibration=calibration)


class TestRoute:
    def decide(self, output: str, **options: float) -> natural.Decision:
        return natural.route(harness(ROUTES, wants({"Hello": f'{{"intent":{output}}}'})), "Hello", **options)

    def test_a_sure_decision(self) -> None:
        decision = self.decide('"book"')
        assert (decision.intent, decision.escalate, decision.why) == ("book", False, "")
        assert decision.confidence == pytest.approx(0.88, abs=0.01)

    @pytest.mark.parametrize(("output", "intent"), [('"other"', "other"), ("null", None)])
    def test_out_of_scope_goes_to_a_person_however_sure(self, output: str, intent: str | None) -> None:
        decision = self.decide(output, threshold=0.0)
        assert (decision.intent, decision.escalate, decision.why) == (intent, True, "out of scope")

    def test_unsure_goes_to_a_person(self) -> None:
        assert self.decide('"book"', threshold=0.9).why == "not sure: 0.881 is under 0.900"
        assert natural.route(harness(ROUTES, noise(4)), "Hello").escalate

    def test_a_bundle_that_does_not_tell_sends_all_to_a_person(self) -> None:
        decision = natural.route(harness(ROUTES, wants({"Hello": '{"intent":"book"}'}), None), "Hello")
        assert decision.escalate and "does not tell" in decision.why

    def test_extract_escalates_it_too(self) -> None:
        result = harness(ROUTES, wants({"Hello": '{"intent":"other"}'})).extract("Hello")
        assert result.escalate == ["intent"]

    def test_where_documents_went_is_counted(self) -> None:
        gold = {"a": "book", "b": "book", "c": "other", "d": "other", " ": "book"}
        outputs = {"a": "book", "b": "other", "c": "other", "d": "book"}
        loaded = harness(ROUTES, wants({text: f'{{"intent":"{one}"}}' for text, one in outputs.items()}))
        examples = [Example(text, text, {"intent": intent}) for text, intent in gold.items()]
        scores = natural.score_routing(loaded, examples, threshold=0.0)
        assert scores == natural.RoutingScores(in_scope=3, right=1, held=2, out_of_scope=2, caught=1)
        sure = natural.score_routing(loaded, examples, threshold=1.0)
        assert (sure.right, sure.held, sure.caught) == (0, 3, 2)

    def test_which_shipped_tasks_route(self) -> None:
        fits = []
        for name in shipped_tasks():
            try:
                choice_of(load_task(name).shape)
            except BadTask as error:
                assert "does not route" in error.what
            else:
                fits.append(name)
        assert fits == ["gesture", "intents", "localisation", "routing"]


PUMP = Passage("pump.txt", 10, "The pump takes\nHLP 32.")
SAW = Passage("saw.txt", 0, "The saw is in hall 3.")
OVEN = Passage("oven.txt", 0, "The oven is new.")
QUESTION = "Which oil?"


def document(*passages: Passage) -> str:
    return question_and_passages(QUESTION, [one.text for one in passages])


class TestAnswer:
    def ask(self, output: str, *passages: Passage) -> natural.Answer:
        return natural.answer(harness(ANSWERS, wants({document(*passages): output})), QUESTION, passages)

    def test_has_its_place(self) -> None:
        found = self.ask('{"passage":2,"answer":"HLP 32"}', SAW, PUMP)
        assert (found.answer, found.source, found.span) == ("HLP 32", "pump.txt", (25, 31))
        assert not found.escalate and found.confidence == pytest.approx(0.88, abs=0.01)

    def test_a_line_break_is_a_space(self) -> None:
        found = self.ask('{"passage":1,"answer":"takes HLP"}', PUMP)
        assert (found.answer, found.span) == ("takes HLP", (19, 28))

    def test_none(self) -> None:
        found = self.ask('{"passage":null,"answer":null}', SAW)
        assert (found.answer, found.source, found.span, found.escalate) == (None, None, None, False)

    def test_the_wrong_passage_is_put_right_and_said(self) -> None:
        found = self.ask('{"passage":1,"answer":"HLP 32"}', SAW, PUMP)
        assert (found.source, found.escalate) == ("pump.txt", True)
        assert "passage that is named" in found.why

    def test_a_piece_of_the_question_is_no_answer(self) -> None:
        found = self.ask('{"passage":1,"answer":"Which oil"}', SAW)
        assert found.answer is None and found.escalate

    def test_a_passage_that_is_not_there(self) -> None:
        found = self.ask('{"passage":2,"answer":"hall 3"}', SAW)
        assert (found.source, found.escalate) == ("saw.txt", True)

    def test_more_passages_than_a_record_can_number(self) -> None:
        outputs = {
            document(SAW, OVEN): '{"passage":null,"answer":null}',
            document(PUMP): '{"passage":1,"answer":"HLP 32"}',
        }
        found = natural.answer(harness(ANSWERS, wants(outputs)), QUESTION, [SAW, OVEN, PUMP])
        assert (found.answer, found.source, found.escalate) == ("HLP 32", "pump.txt", False)

    def test_a_passage_longer_than_the_context_is_cut(self) -> None:
        long = Passage("long.txt", 5, "bla bla bla " * 30 + "The pump takes HLP 32.")
        found = natural.answer(harness(ANSWERS, noise(2)), QUESTION, [long])
        assert found.span is None or found.answer == long.text[found.span[0] - 5 : found.span[1] - 5]

    def test_an_unsure_answer_goes_to_a_person(self) -> None:
        assert natural.answer(harness(ANSWERS, noise(2)), QUESTION, [SAW]).escalate

    @pytest.mark.parametrize(("question", "passages"), [(" ", [SAW]), (QUESTION, []), ("why " * 100, [SAW])])
    def test_what_cannot_be_asked(self, question: str, passages: list[Passage]) -> None:
        with pytest.raises(BadDocument):
            natural.answer(harness(ANSWERS, noise(1)), question, passages)

    def test_which_shipped_tasks_answer(self) -> None:
        assert fields_of(load_task("passages").shape).most == 6
        for name in ("invoice", "routing", "redaction", "policy"):
            with pytest.raises(BadTask, match="does not answer questions"):
                fields_of(load_task(name).shape)


def test_paragraphs_are_passages_and_keep_their_place() -> None:
    text = "\n\n  One line.\nAnd more.\n \t\nTwo.  \n\n\n\nThree"
    found = passages_of("a.txt", text)
    assert [one.text for one in found] == ["One line.\nAnd more.", "Two.", "Three"]
    assert all(text[one.start :].startswith(one.text) for one in found)
