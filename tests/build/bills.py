"""Bills in three forms, in each of which a buyer, a due date and a subtotal stand beside the answers."""

from __future__ import annotations

import datetime
import random
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel

from boardwright.build.witness import GOLD_LEAST
from boardwright.schemas.examples import Example
from boardwright.schemas.fields import Grounded, Number, Verbatim


class Bill(BaseModel):
    vendor: Annotated[str, Verbatim(40)] | None
    issued: Annotated[datetime.date, Grounded()] | None
    total: Annotated[Decimal, Number(), Grounded()] | None


NAMES = "Adler Birch Cedar Delta Ember Falke Grove Heron Iris Juno".split()


def bill(seed: int, **record: Any) -> Example:
    """A document in one of three forms; in each a buyer, a due date and a subtotal stand beside the answers."""
    draw = random.Random(seed)
    vendor, buyer = (f"{draw.choice(NAMES)} {draw.choice(NAMES)} Ltd" for _ in range(2))
    issued = datetime.date(2024, 1, 1) + datetime.timedelta(draw.randrange(600))
    due = issued + datetime.timedelta(30)
    net = Decimal(draw.randrange(1000, 90000)).scaleb(-2)
    total = (net * Decimal("1.2")).quantize(Decimal("0.01"))
    text = draw.choice(
        [
            f"{vendor}\nInvoice\nDate: {issued}\nDue date: {due}\nBill to: {buyer}\nSubtotal {net}\nTotal {total}",
            f"Seller: {vendor}\nBuyer: {buyer}\nSubtotal: {net}\nGrand total: {total}\nPay by {due}\nIssued {issued}",
            f"Date | Due date | Seller | Buyer | Net | Total\n{issued} | {due} | {vendor} | {buyer} | {net} | {total}",
        ]
    )
    right = {"vendor": vendor, "issued": issued.isoformat(), "total": str(total)}
    wrong = {"vendor": buyer, "issued": due.isoformat(), "total": str(net)}
    given = {name: wrong[name] if value == "wrong" else value for name, value in record.items()}
    return Example(f"b{seed}", text, right | given)


GOLD = [bill(seed) for seed in range(1000, 1000 + GOLD_LEAST)]
