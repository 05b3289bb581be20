"""Scanned shop receipts, as OCR reads them: who, when, where, how much (the four fields of ICDAR 2019 SROIE)."""

from typing import Annotated

from pydantic import BaseModel

from boardwright.schemas.fields import Text
from boardwright.schemas.task import Gates, Limits, Task, Training


class Receipt(BaseModel):
    """One receipt. The values are as printed; a field that the receipt does not give is null."""

    company: Annotated[str, Text(80, printed=True)] | None
    date: Annotated[str, Text(24, printed=True, date=True)] | None
    address: Annotated[str, Text(160, printed=True)] | None
    total: Annotated[str, Text(16, printed=True)] | None


task = Task(
    name="receipt",
    record=Receipt,
    instruction="Read the receipt and fill in the record.",
    comparators={"company": "text", "date": "text", "address": "text", "total": "text"},
    neighbour=True,  # shops come again, and whether a total is labelled with its RM depends on whose receipt it is
    limits=Limits(context=2048),
    gates=Gates(fields_right=0.85),
    training=Training(epochs=2, batch=4, learning_rate=8e-4, rank=32, misprints=0.5, splices=1, synthetic_train=400),
)
