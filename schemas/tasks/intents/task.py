"""One of 150 intents, or none of them: short requests of CLINC150. The closed set is a file beside this one.

There are no synthetic documents: pass labelled lines with --examples. For intents of your own, put their names into
intents.txt, and the one for everything else into `escalate`.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel

from boardwright.schemas.fields import OneOf
from boardwright.schemas.task import Limits, Task, Training


class Request(BaseModel):
    """What one request is after."""

    intent: Annotated[str, OneOf.lines(Path(__file__).with_name("intents.txt"))]


task = Task(
    name="intents",
    record=Request,
    instruction="What does the user want?",
    escalate={"intent": ("oos",)},
    limits=Limits(context=256),
    # Of CLINC150's 15,100 requests this takes 35 to 41 minutes on two cores.
    training=Training(epochs=3, batch=16, learning_rate=1e-3, rank=16),
)
