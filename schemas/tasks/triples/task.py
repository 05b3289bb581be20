"""Company news, to the triples of a knowledge graph: who or what, how related, to whom or what."""

from typing import Annotated, Literal

from pydantic import BaseModel

from boardwright.schemas.fields import Items, Verbatim
from boardwright.schemas.task import Gates, Limits, Task, Training

Relation = Literal["founded", "works_for", "leads", "based_in", "owns", "makes", "supplies", "born_in"]


class Triple(BaseModel):
    subject: Annotated[str, Verbatim(36)]
    relation: Relation
    object: Annotated[str, Verbatim(36)]


class News(BaseModel):
    """The triples that a text states, in its order."""

    triples: Annotated[list[Triple], Items(5)]


task = Task(
    name="triples",
    record=News,
    instruction="List the triples of the text.",
    limits=Limits(context=1024),
    gates=Gates(records_right=0.60),
    training=Training(epochs=1, batch=4, learning_rate=1e-3, synthetic_train=2800, synthetic_valid=150),
)
