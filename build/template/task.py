"""Support messages: who writes, what about, since when. Change the fields to yours; the rest follows from them."""

import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from boardwright.schemas.fields import Grounded, Items, Number, Text, Verbatim
from boardwright.schemas.task import Gates, Limits, Task, Training


class Sender(BaseModel):
    """A record may hold other records."""

    # Verbatim: copied from the document letter by letter, at most 40 of them. It can't be invented.
    name: Annotated[str, Verbatim(40)] | None
    email: Annotated[str, Verbatim(48)] | None


class Message(BaseModel):
    """One message. `| None` marks what a document may leave out: the record then says null."""

    sender: Sender
    # A closed set: one of these words, and no other.
    kind: Literal["fault", "refund", "question"]
    # Free text, in words that need not stand in the document; always bounded.
    summary: Annotated[str, Text(48)]
    urgent: bool
    # A whole number needs both bounds.
    devices: Annotated[int, Field(ge=1, le=99)] | None
    # Written as 2026-11-22, however the document writes it. Grounded: a date that stands there, and no other.
    since: Annotated[datetime.date, Grounded()] | None
    # Up to 4 digits before the point, 2 after it. Never a float: money is exact.
    amount: Annotated[Decimal, Number(digits=4, places=2), Grounded()] | None
    # A list of at most 2 items.
    codes: Annotated[list[Annotated[str, Verbatim(8)]], Items(2)]


task = Task(
    name="task-name",
    record=Message,
    # One short sentence: every document pays for it.
    instruction="Read the message and fill in the record.",
    # How a field is compared in the scores: "exact" unless you say "text" (case and punctuation aside) or "number".
    comparators={"summary": "text"},
    # Tokens of prompt, document and record together: what the board's memory must hold.
    limits=Limits(context=768),
    # A build whose held-out scores are lower makes no bundle. Raise these as your documents and examples get better.
    gates=Gates(records_right=0.5, fields_right=0.8),
    # Without examples of your own, documents.py writes this many to learn from and to score on.
    training=Training(epochs=1, learning_rate=1.5e-3, rank=16, synthetic_train=1200, synthetic_valid=200),
)
