"""Messages and forms, to the personal data in them, word for word: what `boardwright-device redact` takes out."""

from typing import Annotated, Literal

from pydantic import BaseModel

from boardwright.schemas.fields import Items, Verbatim
from boardwright.schemas.task import Gates, Limits, Task, Training

Kind = Literal["name", "address", "phone", "email", "birthdate", "account", "card", "id"]


class Item(BaseModel):
    text: Annotated[str, Verbatim(60)]
    kind: Kind


class Message(BaseModel):
    """All personal data of one message, in its order, each value once. Firms, products and public places are none."""

    items: Annotated[list[Item], Items(8)]


task = Task(
    name="redaction",
    record=Message,
    instruction="List the personal data of the text.",
    limits=Limits(context=1280, windows=True),
    # What leaks is judged by the threshold.
    gates=Gates(records_right=0.70),
    training=Training(epochs=1, batch=4, learning_rate=1e-3, synthetic_train=4500, synthetic_valid=400),
)
