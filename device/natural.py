"""The natural call of each kind of task: a text without personal data, a decision, an answer with its place.

Knows nothing of files or commands. Which call a bundle answers is decided by the shape of its record, not by its name;
one that does not fit is refused in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from boardwright.device.answer import Answer, Passage, answer, passages_of
from boardwright.device.redact import Redacted, Span, Withheld, redact
from boardwright.schemas.errors import BadTask
from boardwright.schemas.shape import ChoiceShape, ObjectShape, bare

if TYPE_CHECKING:
    from boardwright.device.harness import Harness

__all__ = [
    "Answer",
    "Decision",
    "Passage",
    "Redacted",
    "Span",
    "Withheld",
    "answer",
    "passages_of",
    "redact",
    "route",
]


@dataclass(frozen=True)
class Decision:
    """intent: what the student reads in the document, None for nothing.  confidence: the share of such decisions that
    were right, 0 where the bundle does not tell.  escalate: a person is to decide, and why: "" where not."""

    intent: str | None
    confidence: float
    escalate: bool
    why: str


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
