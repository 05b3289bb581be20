"""Lines of parts lists as people type them, rewritten to one normal form: 100 x resistor 4.7k 0805."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from boardwright.schemas.fields import Text
from boardwright.schemas.task import Checks, Gates, Limits, Task, Training


class Part(BaseModel):
    """One line. value: at most three digits before a multiplier of p, n, u, m, k or M, in ohms, farads or henries."""

    quantity: Annotated[int, Field(ge=1, le=9999)]
    part: Literal["resistor", "capacitor", "inductor"]
    value: Annotated[str, Text(8)]
    package: Literal["0402", "0603", "0805", "1206", "axial", "radial"] | None


task = Task(
    name="parts",
    record=Part,
    instruction="Write this line of a parts list in normal form.",
    comparators={"value": "exact"},
    checks=Checks(rewritten=("value",)),
    limits=Limits(context=256),
    gates=Gates(records_right=0.70),
    training=Training(epochs=1, batch=8, learning_rate=1e-3, synthetic_train=4800, synthetic_valid=200),
)
