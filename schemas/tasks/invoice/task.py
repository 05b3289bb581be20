"""Invoices of any layout, in several languages, to six fields."""

import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel

from boardwright.schemas.fields import Grounded, Number, Verbatim
from boardwright.schemas.task import Gates, Limits, Task, Training

Currency = Literal["EUR", "USD", "GBP", "CHF", "SEK", "PLN", "CZK", "JPY"]


class Invoice(BaseModel):
    """One invoice. A field that the document does not give is null."""

    vendor: Annotated[str, Verbatim(60)] | None
    invoice_number: Annotated[str, Verbatim(24)] | None
    order_number: Annotated[str, Verbatim(24)] | None
    date: Annotated[datetime.date, Grounded()] | None
    currency: Currency | None
    total: Annotated[Decimal, Number(digits=9, places=2), Grounded()] | None


task = Task(
    name="invoice",
    record=Invoice,
    instruction="Read the invoice and fill in the record.",
    limits=Limits(context=1024),
    gates=Gates(records_right=0.80, fields_right=0.95),
    training=Training(epochs=1, batch=4, learning_rate=2e-3, rank=16, synthetic_train=2100, synthetic_valid=80),
)
