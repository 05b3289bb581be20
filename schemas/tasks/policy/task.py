"""Expense claims against a travel policy: allowed or not, and the rule that decides."""

from typing import Literal

from pydantic import BaseModel

from boardwright.schemas.task import Gates, Limits, Task, Training


class Claim(BaseModel):
    """One claim: what it says, then the rule that decides it; documents.py tells in which order the rules count.

    Each finding is asked for by itself, for a tiny student does one thing at a time, and a claim teaches all of them
    and not only the one that decides it."""

    private: bool
    no_receipt: bool
    too_late: bool
    alcohol: bool
    pre_approved: bool
    over_limit: bool
    rule: Literal["private", "no_receipt", "too_late", "alcohol", "pre_approved", "over_limit", "within_policy"]
    allowed: bool


task = Task(
    name="policy",
    record=Claim,
    instruction="Is this claim allowed, and by which rule?",
    limits=Limits(context=384),
    gates=Gates(records_right=0.70),
    training=Training(epochs=1, batch=8, learning_rate=1e-3, synthetic_train=3200, synthetic_valid=200),
)
