"""One line of an environment sensor, to the place where it was read."""

from typing import Literal

from pydantic import BaseModel

from boardwright.schemas.task import Gates, Limits, Task, Training


class Reading(BaseModel):
    """Of a line such as 1003.45,70.62,24.06,56.77,8,6,5,204: hPa, % of humidity, °C, gas, and four sorts of light."""

    place: Literal["Charging Station", "Entrance", "Server Rack"]


task = Task(
    name="localisation",
    record=Reading,
    instruction="Where was this read?",
    limits=Limits(context=192),
    gates=Gates(records_right=0.90),
    training=Training(epochs=4, batch=8, learning_rate=1e-3, synthetic_train=400, synthetic_valid=60),
)
