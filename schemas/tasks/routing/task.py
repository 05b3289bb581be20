"""Messages to a heating and plumbing firm, routed to the desk that answers them; what is nobody's goes to a person."""

from typing import Literal

from pydantic import BaseModel

from boardwright.schemas.task import Gates, Limits, Task, Training


class Message(BaseModel):
    """Which desk one message goes to."""

    intent: Literal["appointment", "billing", "cancel", "emergency", "new_customer", "part", "repair", "out_of_scope"]


task = Task(
    name="routing",
    record=Message,
    instruction="Which desk answers this message?",
    escalate={"intent": ("out_of_scope",)},
    limits=Limits(context=320),
    gates=Gates(records_right=0.80),
    training=Training(epochs=1, batch=8, learning_rate=1e-3, synthetic_train=2400, synthetic_valid=200),
)
