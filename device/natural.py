"""The natural call of each kind of task: a text without personal data, a decision, an answer with its place.

Knows nothing of files or commands. Which call a bundle answers is decided by the shape of its record, not by its name;
one that does not fit is refused in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boardwright.device.answer import Answer, Passage, answer, passages_of
from boardwright.device.redact import Redacted, Span, Withheld, redact
from boardwright.schemas.errors import BadTask, KitError
from boardwright.schemas.examples import Example
from boardwright.schemas.shape import ChoiceShape, ObjectShape, bare
from boardwright.schemas.steps import current_step

if TYPE_CHECKING:
    from boardwright.device.harness import Harness

__all__ = [
    "Answer",
    "Decision",
    "Passage",
    "Redacted",
    "RoutingScores",
    "Span",
    "Withheld",
    "answer",
    "passages_of",
    "redact",
    "route",
    "score_routing",
]


@dataclass(frozen=True)
class Decision:
    """intent: what the student reads in the document, None for nothing.  confidence: the share of such decisions that
    were right, 0 where the bundle does not tell.  escalate: a person is to decide, and why: "" where not."""

    intent: str | None
    confidence: float
    escalate: bool
    why: str


@dataclass(frozen=True)
class RoutingScores:
    """in_scope: documents that a desk should get, and of those, right: that went there, held: that went to a person.
    out_of_scope: documents that a person should get, and of those, caught: that one got."""

    in_scope: int
    right: int
    held: int
    out_of_scope: int
    caught: int


def choice_of(shape: ObjectShape) -> str:
    """The one field of a record that is a choice. Raises BadTask for any other record."""
    match shape.fields:
        case ((name, field),) if isinstance(bare(field), ChoiceShape):
            return name
    raise BadTask(
        "This bundle does not route: its record is not one choice.",
        value=", ".join(name for name, _ in shape.fields),
        allowed="one field with a closed set of values",
        next="boardwright build routing …, or `boardwright-device extract` for this one",
    )


def route(harness: Harness, text: str, threshold: float | None = None) -> Decision:
    """Decide where a document goes.

    threshold: a decision less sure is for a person; the bundle's unless told.  Raises BadDocument, BadRecord, or
    BadTask for another kind of bundle."""
    name = choice_of(harness.task.shape)
    result = harness.extract(text)
    value = result.record.model_dump(mode="json")[name]
    sure = result.confidence.get(name, 0.0)
    least = harness.threshold if threshold is None else threshold
    if value is None or harness.task.escalated(result.record):
        why = "out of scope"
    elif least is None:
        why = "the bundle does not tell how sure it is"
    elif sure < least:
        why = f"not sure: {sure:.3f} is under {least:.3f}"
    else:
        why = ""
    return Decision(value, sure, bool(why), why)


def score_routing(harness: Harness, examples: Sequence[Example], threshold: float | None = None) -> RoutingScores:
    """Route every example and count where it went; one that fails goes to a person. threshold: as of `route`.

    Raises BadTask for another kind of bundle."""
    task = harness.task
    name = choice_of(task.shape)
    in_scope = right = held = out_of_scope = caught = 0
    for number, example in enumerate(examples, 1):
        try:
            decision = route(harness, example.text, threshold)
        except KitError as error:
            decision = Decision(None, 0.0, True, error.what)
        wanted = example.record[name]
        if wanted is None or wanted in task.escalate.get(name, ()):
            out_of_scope += 1
            caught += decision.escalate
        else:
            in_scope += 1
            held += decision.escalate
            right += not decision.escalate and decision.intent == wanted
        current_step().progress(number, len(examples))
    return RoutingScores(in_scope, right, held, out_of_scope, caught)
