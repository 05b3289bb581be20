"""A second of a proximity and colour sensor, to the gesture over it: a tap, a double tap or a hold."""

from typing import Literal

from pydantic import BaseModel

from boardwright.schemas.task import Gates, Limits, Task, Training


class Gesture(BaseModel):
    gesture: Literal["Tap", "Double", "Hold"]


def sketch(text: str) -> str:
    """Two rows of digits, of proximity and of brightness: each sample's height between the row's lowest and highest.

    The raw lines are a thousand tokens and more, this is a hundred. text: `Proximity: [253, 254, …]`, then Red, Green
    and Blue in the same form, all of one length. Raises ValueError for anything else."""
    rows: dict[str, list[int]] = {}
    for line in text.strip().splitlines():
        name, _, values = line.partition(":")
        rows[name.strip()] = [int(value) for value in values.strip().removeprefix("[").removesuffix("]").split(",")]
    lengths = {len(values) for values in rows.values()}
    if list(rows) != ["Proximity", "Red", "Green", "Blue"] or len(lengths) != 1 or max(lengths) > 80:
        raise ValueError("it is to have lines of Proximity, Red, Green and Blue, each with as many numbers, 80 at most")
    near, *colours = rows.values()
    return f"{_digits(near)}\n{_digits([sum(sample) for sample in zip(*colours, strict=True)])}"


def _digits(values: list[int]) -> str:
    low, high = min(values), max(values)
    return "".join(str(9 * (value - low) // max(1, high - low)) for value in values)


task = Task(
    name="gesture",
    record=Gesture,
    instruction="Which gesture is this?",
    reading=sketch,
    limits=Limits(context=256),
    gates=Gates(records_right=0.90),
    training=Training(epochs=3, batch=8, learning_rate=1e-3, synthetic_train=600, synthetic_valid=90),
)
