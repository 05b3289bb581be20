"""Passages about a product, to questions that they answer and the answers, word for word: drills and help pages."""

from typing import Annotated

from pydantic import BaseModel

from boardwright.schemas.fields import Items, Text, Verbatim
from boardwright.schemas.task import Gates, Limits, Task, Training


class Pair(BaseModel):
    question: Annotated[str, Text(80)]
    answer: Annotated[str, Verbatim(40)]


class Passage(BaseModel):
    """A pair for each thing that the passage tells, in its order."""

    pairs: Annotated[list[Pair], Items(4)]


task = Task(
    name="questions",
    record=Passage,
    instruction="Write questions that the passage answers.",
    limits=Limits(context=1024),
    gates=Gates(records_right=0.60),
    training=Training(epochs=1, batch=4, learning_rate=1e-3, synthetic_train=2400, synthetic_valid=150),
)
