"""Expense claims against a travel policy: allowed or not, and the rule that decides."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from boardwright.schemas.fields import Grounded, Number
from boardwright.schemas.task import Gates, Limits, Task, Training


class Claim(BaseModel):
    """One claim: what it says, then the rule that decides it; documents.py tells in which order the rules count.

    A tiny student does one thing at a time: it copies a number before it compares it, and each finding is asked for by
    itself."""

    days: Annotated[int, Field(ge=0, le=999)]
    too_late: bool
    expense: Literal["meal", "night", "taxi", "train"]
    euros: Annotated[Decimal, Number(digits=4, places=2), Grounded()]
    over_limit: bool
    private: bool
    no_receipt: bool
    alcohol: bool
    pre_approved: bool
    rule: Literal["private", "no_receipt", "too_late", "alcohol", "pre_approved", "over_limit", "within_policy"]
    allowed: bool


task = Task(
    name="policy",
    record=Claim,
    instruction="Is this claim allowed, and by which rule?",
    limits=Limits(context=512),
    gates=Gates(records_right=0.70),
    training=Training(epochs=1, batch=8, learning_rate=1e-3, synthetic_train=4800, synthetic_valid=200),
)
