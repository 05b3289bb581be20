"""A second of a proximity and colour sensor, to the gesture over it: a tap, a double tap or a hold."""

from itertools import groupby
from typing import Literal

from pydantic import BaseModel

from boardwright.schemas.task import Gates, Limits, Task, Training


class Gesture(BaseModel):
    gesture: Literal["Tap", "Double", "Hold"]


def sketch(text: str) -> str:
    """Two rows of runs, of proximity and of brightness: `h21 l2 h26` is high for 21 samples, low for 2, high for 26.

    Levels are thirds between the row's lowest and highest sample. The raw lines are a thousand tokens and more, and a
    digit a sample is a hundred, in which a short gap is hard to see; this is thirty. text: `Proximity: [253, 254, …]`,
    then Red, Green and Blue in the same form, all of one length. Raises ValueError for anything else."""
    rows: dict[str, list[int]] = {}
    for line in text.strip().splitlines():
        name, _, values = line.partition(":")
        rows[name.strip()] = [int(value) for value in values.strip().removeprefix("[").removesuffix("]").split(",")]
    lengths = {len(values) for values in rows.values()}
    if list(rows) != ["Proximity", "Red", "Green", "Blue"] or len(lengths) != 1 or max(lengths) > 80:
        raise ValueError("it is to have lines of Proximity, Red, Green and Blue, each with as many numbers, 80 at most")
    near, *colours = rows.values()
    return f"{_runs(near)}\n{_runs([sum(sample) for sample in zip(*colours, strict=True)])}"


def _runs(values: list[int]) -> str:
    low, high = min(values), max(values)
    levels = ("lmh"[3 * (value - low) // (high - low + 1)] for value in values)
    return " ".join(f"{level}{sum(1 for _ in run)}" for level, run in groupby(levels))


task = Task(
    name="gesture",
    record=Gesture,
    instruction="Which gesture is this?",
    reading=sketch,
    limits=Limits(context=576),
    gates=Gates(records_right=0.90),
    training=Training(epochs=6, batch=8, learning_rate=1e-3, synthetic_train=600, synthetic_valid=90),
)
