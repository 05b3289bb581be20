"""Answers: a question and passages in, the answer with its place in them out, or none.

Knows nothing of files or commands. More passages than a record can number, or a context hold, are read in groups, and
the likeliest answer is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boardwright.device.windows import windows
from boardwright.schemas.errors import BadDocument, BadTask, KitError
from boardwright.schemas.passages import one_line, question_and_passages
from boardwright.schemas.shape import IntShape, NullableShape, ObjectShape, TextShape

if TYPE_CHECKING:
    from boardwright.device.harness import Harness, Result

PARAGRAPH = re.compile(r"\S(?:(?!\n[^\S\n]*\n).)*", re.DOTALL)


@dataclass(frozen=True)
class Passage:
    """A piece of a source.  start: where it begins in it, in characters."""

    source: str
    start: int
    text: str


@dataclass(frozen=True)
class Answer:
    """answer: word for word, None where no passage answers.  source, span: where, in characters of the source.

    confidence: of the less sure field.  escalate: a person is to look at it, and why: "" where not."""

    answer: str | None
    source: str | None
    span: tuple[int, int] | None
    confidence: float
    escalate: bool
    why: str


@dataclass(frozen=True)
class Fields:
    """The two fields of a record that answers, and how many passages it can number."""

    passage: str
    answer: str
    most: int


def fields_of(shape: ObjectShape) -> Fields:
    """Raises BadTask for a record that is no passage and answer."""
    inner = [(name, field.inner) for name, field in shape.fields if isinstance(field, NullableShape)]
    numbers = [(name, one.high) for name, one in inner if isinstance(one, IntShape) and one.low == 1]
    texts = [name for name, one in inner if isinstance(one, TextShape) and one.verbatim]
    if len(shape.fields) == 2 and len(numbers) == len(texts) == 1:
        return Fields(numbers[0][0], texts[0], numbers[0][1])
    raise BadTask(
        "This bundle does not answer questions: its record is not a passage and an answer.",
        value=", ".join(name for name, _ in shape.fields),
        allowed="two fields that may be null: a whole number from 1, and a Verbatim text",
        next="boardwright build passages …, or `boardwright-device extract` for this one",
    )


def passages_of(source: str, text: str) -> list[Passage]:
    """The paragraphs of a text: what stands between blank lines."""
    return [Passage(source, match.start(), match[0].rstrip()) for match in PARAGRAPH.finditer(text)]


def answer(harness: Harness, question: str, passages: Iterable[Passage], threshold: float | None = None) -> Answer:
    """Answer a question from passages.

    threshold: an answer less sure is for a person; the bundle's unless told.  Raises BadDocument, BadRecord, or BadTask
    for another kind of bundle."""
    fields = fields_of(harness.task.shape)
    if not question.strip():
        raise BadDocument("The question is empty.", allowed="some text")
    best: tuple[float, Answer] | None = None
    groups = _groups(harness, fields, question, passages)
    if not groups:
        raise BadDocument("There is no passage.", allowed="some text")
    for group in groups:
        [result] = harness.extract_whole([_document(question, group)], slots=1)
        if isinstance(result, KitError):
            raise result
        likely = sum(result.log_probabilities.values())
        found = _placed(harness, fields, group, result, threshold)
        # Any answer before none: most groups hold none.
        if best is None or (found.answer is not None, likely) > (best[1].answer is not None, best[0]):
            best = (likely, found)
    assert best is not None
    return best[1]


def _document(question: str, group: Sequence[Passage]) -> str:
    return question_and_passages(question, [passage.text for passage in group])


def _groups(harness: Harness, fields: Fields, question: str, passages: Iterable[Passage]) -> list[list[Passage]]:
    """As many passages together as a record can number and the context holds; a longer one is cut into windows."""

    def count(piece: str) -> int:
        return len(harness.engine.tokenize(piece, False))

    room = harness.document_room
    alone = room - count(_document(question, [Passage("", 0, "")]))
    groups: list[list[Passage]] = []
    for passage in passages:
        try:
            cut = windows(passage.text, alone, lambda piece: count(one_line(piece)))
        except ValueError as error:
            raise BadDocument(
                f"The question leaves no room for a passage: {error}.", value=question, next="ask in fewer words"
            ) from None
        for one in cut:
            piece = Passage(passage.source, passage.start + one.start, passage.text[one.start : one.end])
            together = [*groups[-1], piece] if groups else []
            if together and len(together) <= fields.most and count(_document(question, together)) <= room:
                groups[-1] = together
            else:
                groups.append([piece])
    return groups


def _placed(
    harness: Harness, fields: Fields, group: Sequence[Passage], result: Result, threshold: float | None
) -> Answer:
    """The record's answer, in the passage that it names, else in the first that holds it."""
    said, number = getattr(result.record, fields.answer), getattr(result.record, fields.passage)
    sure = min((result.confidence.get(name, 0.0) for name in (fields.answer, fields.passage)), default=0.0)
    least = harness.threshold if threshold is None else threshold
    doubts = [] if least is not None and sure >= least else ["not sure"]
    named = [group[number - 1]] if number is not None and number <= len(group) else []
    holders = [one for one in (*named, *group) if said is not None and said in one_line(one.text)]
    if (said is None) != (number is None) or (said is not None and holders[:1] != named[:1]):
        doubts.append("the answer does not stand in the passage that is named")
    why = "; ".join(doubts)
    if not holders:
        return Answer(None, None, None, sure, bool(why), why)
    start = holders[0].start + one_line(holders[0].text).index(said)
    return Answer(said, holders[0].source, (start, start + len(said)), sure, bool(why), why)
