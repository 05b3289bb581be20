"""A question and numbered passages, to the answer word for word and the passage that gives it; null where none does."""

from typing import Annotated

from pydantic import BaseModel, Field

from boardwright.schemas.fields import Verbatim
from boardwright.schemas.task import Gates, Limits, Task, Training


class Answer(BaseModel):
    """Both are null where no passage answers the question."""

    passage: Annotated[int, Field(ge=1, le=6)] | None
    answer: Annotated[str, Verbatim(60)] | None


task = Task(
    name="passages",
    record=Answer,
    instruction="Answer the question from the passages.",
    limits=Limits(context=768),
    gates=Gates(records_right=0.60),
    training=Training(epochs=1, batch=4, learning_rate=1e-3, synthetic_train=3200, synthetic_valid=200),
)
