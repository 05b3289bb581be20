"""Passages about a place or a machine, to the facts that they state, word for word."""

from typing import Annotated

from pydantic import BaseModel

from boardwright.schemas.fields import Items, Verbatim
from boardwright.schemas.task import Gates, Limits, Task, Training


class Passage(BaseModel):
    """What one passage states, in its order; opinions, hopes and hearsay left out."""

    facts: Annotated[list[Annotated[str, Verbatim(90)]], Items(6)]


task = Task(
    name="facts",
    record=Passage,
    instruction="List the facts of the passage.",
    limits=Limits(context=1024),
    gates=Gates(records_right=0.60),
    training=Training(epochs=1, batch=4, learning_rate=1e-3, synthetic_train=2400, synthetic_valid=150),
)
